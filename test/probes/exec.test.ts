import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { processesWith, temporaryFolder, until } from '../support/index.ts'
import { attempt } from './support.ts'

test('status 0 passes; it runs in the service folder with its environment', async () => {
  const directory = temporaryFolder()
  const command = ['sh', '-c', 'test "$(pwd)" = "$WANTED" && test -z "$HOME"']
  const result = await attempt({ type: 'exec', command }, { directory, environment: { WANTED: directory } })
  assert.is(result.message, 'sh ended with status 0')
  assert.is(result.passed, true)
})

test('another status fails with the last line that was printed', async () => {
  const command = ['sh', '-c', 'echo first; echo "no replica answers" >&2; exit 3']
  const result = await attempt({ type: 'exec', command })
  assert.is(result.passed, false)
  assert.is(result.message, 'sh ended with status 3: no replica answers')
})

test('a program that is not there is named', async () => {
  const result = await attempt({ type: 'exec', command: ['no-such-program-here'] })
  assert.is(result.passed, false)
  assert.match(result.message, 'no-such-program-here was not found')
})

test('arguments arrive unchanged', async () => {
  const words = ['a b', '$HOME', ';exit 9', '*', '', "'"]
  const check = `process.exit(JSON.stringify(process.argv.slice(1)) === ${JSON.stringify(JSON.stringify(words))} ? 0 : 1)`
  const result = await attempt({ type: 'exec', command: [process.execPath, '-e', check, '--', ...words] })
  assert.is(result.passed, true, result.message)
})

test('at the deadline the whole process group is killed', async () => {
  const marker = `probe-${process.pid}-${Date.now()}`
  const command = ['sh', '-c', 'trap "" TERM; sleep 300 & wait', marker]
  const result = await attempt(
    { type: 'exec', command, timeout: '300ms' },
    { environment: { PROBE_MARKER: marker, PATH: process.env.PATH ?? '' } },
  )
  assert.is(result.message, 'no answer within 300ms (sh)')
  await until(async () => (await processesWith(marker)).length === 0, { what: 'the group to be gone' })
})

test('what a passing program left behind is ended', async () => {
  const marker = `probe-left-${process.pid}-${Date.now()}`
  const command = ['sh', '-c', 'sleep 300 >/dev/null 2>&1 & exit 0']
  const result = await attempt(
    { type: 'exec', command },
    { environment: { PROBE_MARKER: marker, PATH: process.env.PATH ?? '' } },
  )
  assert.is(result.passed, true, result.message)
  await until(async () => (await processesWith(marker)).length === 0, { what: 'the child to be gone' })
})

test('secret values of the environment are not in the message', async () => {
  const environment = { DATABASE_URL: 'postgres://stats:hunter22@db/stats', API_TOKEN: 'tok-123456' }
  const command = ['sh', '-c', 'echo "cannot use $DATABASE_URL with $API_TOKEN, password hunter22" >&2; exit 1']
  const { message } = await attempt({ type: 'exec', command }, { environment })
  assert.is(message, 'sh ended with status 1: cannot use [redacted] with [redacted], password [redacted]')
})

test.run()
