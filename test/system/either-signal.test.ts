import { getEventListeners } from 'node:events'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { eitherSignal } from '../../lib/system/either-signal.ts'

test('it is aborted with the reason of the first one that is, and then listens to none', () => {
  const [a, b] = [new AbortController(), new AbortController()]
  const { signal } = eitherSignal(a.signal, b.signal)
  assert.not.ok(signal.aborted)
  b.abort('second')
  a.abort('first')
  assert.is(signal.reason, 'second')
  assert.is(getEventListeners(a.signal, 'abort').length, 0)
})

test('one that is aborted already aborts it at once', () => {
  const a = new AbortController()
  const { signal } = eitherSignal(a.signal, AbortSignal.abort('before'))
  assert.is(signal.reason, 'before')
  assert.is(getEventListeners(a.signal, 'abort').length, 0)
})

test('let go of, it is aborted no more, and nothing holds it', () => {
  const a = new AbortController()
  const { signal, dispose } = eitherSignal(a.signal)
  dispose()
  a.abort()
  assert.not.ok(signal.aborted)
  assert.is(getEventListeners(a.signal, 'abort').length, 0)
})

test.run()
