import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { OwnWrites } from '../../../lib/task/watch/own-writes.ts'

test('two short runs that end with the same file changed are the task’s own doing, and it is known from then on', () => {
  const own = new OwnWrites()
  assert.is(own.during(['a'], 100, true), 'edit')
  assert.is(own.during(['a'], 130, true), 'own')
  assert.is(own.during(['a'], 5_000, false), 'known')
  assert.is(own.during(['a', 'b'], 100, true), 'edit')
})

test('what is cut short, or takes long, has to happen four times', () => {
  for (const [offset, ended] of [
    [400, false],
    [9_000, true],
  ] as const) {
    const own = new OwnWrites()
    const doings = [1, 2, 3, 4].map(() => own.during(['a'], offset, ended))
    assert.equal(doings, ['edit', 'edit', 'edit', 'own'])
  }
})

test('edits of one file at moments of their own stay edits, however many', () => {
  const own = new OwnWrites()
  for (const offset of [800, 2_900, 600, 4_000, 1_200, 9_000, 700, 2_000]) {
    assert.is(own.during(['src/main.ts'], offset, false), 'edit', String(offset))
  }
})

test('another file, or a run without a change, begins the count anew', () => {
  const own = new OwnWrites()
  own.during(['a'], 100, true)
  assert.is(own.during(['b'], 100, true), 'edit')
  own.forget()
  assert.is(own.during(['b'], 100, true), 'edit')
  assert.is(own.during(['b'], 100, true), 'own')
})

test.run()
