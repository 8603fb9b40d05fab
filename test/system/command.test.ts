import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unwrap } from '../../lib/model/failure.ts'
import { type CommandOptions, runChecked, runCommand } from '../../lib/system/command.ts'
import { runnerWatchdog } from '../../lib/system/watchdog.ts'
import { processesWith, temporaryFolder, until } from '../support/index.ts'
import { lives } from './support/fixture.ts'

const failureOf = async (argv: [string, ...string[]], options: CommandOptions = {}) => {
  const result = await runCommand(argv, options)
  if (result.ok) throw new Error(`it went well: ${JSON.stringify(result.value)}`)
  return result.failures[0]
}

test('status, stdout and stderr come back as they are', async () => {
  const script = 'echo out; printf "err\\n\\n" >&2; exit 7'
  assert.equal(unwrap(await runCommand(['sh', '-c', script])), { status: 7, stdout: 'out\n', stderr: 'err\n\n' })
  const killed = unwrap(await runCommand(['sh', '-c', 'kill -TERM $$']))
  assert.equal(killed, { status: 143, stdout: '', stderr: '', killedBy: 'SIGTERM' })
})

test('input is fed, and a command that does not read it is no error', async () => {
  assert.is(unwrap(await runCommand(['cat'], { input: 'ü\n' })).stdout, 'ü\n')
  assert.is(unwrap(await runCommand(['cat'], { input: new Uint8Array([0x61, 0x62]) })).stdout, 'ab')
  assert.is(unwrap(await runCommand(['true'], { input: 'x'.repeat(10_000_000) })).status, 0)
  assert.is(unwrap(await runCommand(['cat'])).stdout, '', 'without input there is nothing to read')
})

test('a character that is split over two reads stays whole', async () => {
  const script = `printf '\\303'; sleep 0.1; printf '\\274'`
  assert.is(unwrap(await runCommand(['sh', '-c', script])).stdout, 'ü')
})

test('the environment is the one that is given, without this process’s', async () => {
  const { stdout } = unwrap(await runCommand(['env'], { env: { PATH: process.env.PATH ?? '', ONLY: 'this' } }))
  const names = stdout.split('\n').flatMap((line) => (line ? [line.split('=')[0]] : []))
  assert.equal(names.sort(), ['ONLY', 'PATH', 'PWD', 'VITAL_OPS_GROUP'])
})

test('a program that is not there is named, with the command that installs it', async () => {
  const failure = await failureOf(['docker', 'ps'], { env: { PATH: '/nowhere' } })
  assert.is(failure.code, 'program-not-found')
  assert.match(failure.message, 'docker')
  assert.match(failure.next?.[0] ?? '', /docker/)
  assert.is((await failureOf(['no-such-program'])).next, undefined)
  assert.is((await failureOf(['true'], { cwd: '/no/such/folder' })).code, 'folder-not-found')
})

test('a timeout ends the whole group, escapees included', async () => {
  const TEST = `command-test-${process.pid}`
  const script = `trap "" TERM; setsid sh -c 'trap "" TERM; while :; do sleep 1; done' & while :; do sleep 1; done`
  const options = { timeoutMs: 300, graceMs: 200, env: { ...process.env, TEST } }
  assert.is((await failureOf(['sh', '-c', script], options)).code, 'timed-out')
  assert.equal(await processesWith(`TEST=${TEST}`), [])
  assert.equal(runnerWatchdog().groups(), [])
})

test('an abort ends it; one that came before keeps it from starting', async () => {
  const controller = new AbortController()
  const file = join(temporaryFolder(), 'pid')
  const running = failureOf(['sh', '-c', 'echo $$ >"$1"; sleep 600', 'sh', file], { signal: controller.signal })
  const pid = await until(() => Number(readFileSync(file, 'utf8')), { what: 'the command to run' })
  controller.abort()
  assert.is((await running).code, 'aborted')
  assert.not.ok(lives(pid))
  assert.is((await failureOf(['true'], { signal: AbortSignal.abort() })).code, 'aborted')
})

test('more output than is allowed ends it', async () => {
  assert.is((await failureOf(['yes'], { maxBuffer: 100_000 })).code, 'output-too-long')
  const long = unwrap(await runCommand(['sh', '-c', 'head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2']))
  assert.is(long.stdout.length + long.stderr.length, 6_000_000)
})

test('a daemon that it starts on purpose lives on, and does not hold it up although it keeps its pipes open', async () => {
  const { stdout, status } = unwrap(await runCommand(['sh', '-c', 'setsid sleep 600 & echo $!']))
  assert.is(status, 0)
  const daemon = Number(stdout)
  assert.ok(lives(daemon))
  process.kill(daemon, 'SIGKILL')
})

test('runChecked makes a failure of another status, with the last lines and without the arguments', async () => {
  assert.ok((await runChecked(['true'])).ok)
  const result = await runChecked(['sh', '-c', 'echo first; echo "no good" >&2; exit 3', 'sh', 'hunter2'])
  if (result.ok) throw new Error('it went well')
  const [failure] = result.failures
  assert.is(failure.code, 'command-failed')
  assert.is(failure.message, 'sh ended with status 3')
  assert.equal(failure.lines, ['no good'])
  assert.not.match(JSON.stringify(failure), 'hunter2')
})

test('a hundred commands, eight at a time', async () => {
  let left = 100
  const worker = async () => {
    while (left-- > 0) {
      const word = `word ${left}`
      assert.is(unwrap(await runCommand(['printf', '%s', word])).stdout, word)
    }
  }
  await Promise.all(Array.from({ length: 8 }, worker))
  assert.equal(runnerWatchdog().groups(), [])
})

test.run()
