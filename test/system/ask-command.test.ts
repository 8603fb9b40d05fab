import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { askCommand } from '../../lib/system/ask-command.ts'

const sh = (script: string): [string, ...string[]] => ['sh', '-c', script]

test('status, output and errors come back as they are', async () => {
  assert.equal(await askCommand(sh('echo out; echo err >&2; exit 3')), {
    ok: true,
    value: { status: 3, stdout: 'out\n', stderr: 'err\n' },
  })
  const quiet = await askCommand(sh('cat'))
  assert.ok(quiet.ok && quiet.value.status === 0 && quiet.value.stdout === '', 'it reads nothing')
})

test('what takes too long, is interrupted, prints too much or is not there is a failure', async () => {
  const code = async (asked: ReturnType<typeof askCommand>) => {
    const answer = await asked
    return answer.ok ? 'ok' : answer.failures[0].code
  }
  assert.is(await code(askCommand(['sleep', '600'], { timeoutMs: 50 })), 'timed-out')
  assert.is(await code(askCommand(['sleep', '600'], { signal: AbortSignal.timeout(50) })), 'aborted')
  assert.is(await code(askCommand(['sleep', '600'], { signal: AbortSignal.abort() })), 'aborted')
  assert.is(await code(askCommand(['seq', '100000'], { maxBuffer: 1000 })), 'output-too-long')
  assert.is(await code(askCommand(['no-such-program-of-anybody'])), 'program-not-found')
})

test.run()
