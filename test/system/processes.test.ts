import { execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unwrap } from '../../lib/model/failure.ts'
import { groupMark } from '../../lib/system/marks.ts'
import { identify, isAlive } from '../../lib/system/process-identity.ts'
import { type ProcessOptions, type RunningProcess, startProcess } from '../../lib/system/processes.ts'
import { runnerWatchdog } from '../../lib/system/watchdog.ts'
import { skip, temporaryFolder, until } from '../support/index.ts'
import { lives } from './support/fixture.ts'

const startOk = async (options: ProcessOptions): Promise<RunningProcess> => unwrap(await startProcess(options))

/** Takes output and keeps it. */
function collector(): { take: (chunk: Buffer) => void; text: () => string } {
  const chunks: Buffer[] = []
  return { take: (chunk) => void chunks.push(chunk), text: () => Buffer.concat(chunks).toString() }
}

/** Runs a process to its end; returns what it wrote. */
async function outputOf(options: ProcessOptions): Promise<{ stdout: string; stderr: string; status: number }> {
  const chunks = { stdout: [] as Buffer[], stderr: [] as Buffer[] }
  const process = await startOk({
    ...options,
    stdout: (chunk) => void chunks.stdout.push(chunk),
    stderr: (chunk) => void chunks.stderr.push(chunk),
  })
  const { status } = await process.exited
  await process.output
  return { stdout: Buffer.concat(chunks.stdout).toString(), stderr: Buffer.concat(chunks.stderr).toString(), status }
}

test('arguments arrive unchanged, and nothing is run by a shell', async () => {
  const args = ['a b', '$HOME', ';echo PWN', '*', '', 'new\nline', '--', '-n', 'ü', "'", '"', '\\', '`id`', '$(id)']
  const script = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))'
  const { stdout } = await outputOf({ argv: [process.execPath, '-e', script, '--', ...args] })
  assert.equal(JSON.parse(stdout), args)
})

test('the environment arrives unchanged, odd names too, with the mark added', async () => {
  const env = {
    PATH: process.env.PATH ?? '',
    'discovery.type': 'single-node',
    'with-dash': '1',
    'BASH_FUNC_f%%': '() { echo hi; }',
    MULTI: 'a\nb=c\n',
    EMPTY: '',
    ENV: '/nowhere',
    BASH_ENV: '/nowhere',
  }
  const script = 'process.stdout.write(JSON.stringify(process.env))'
  const { stdout } = await outputOf({ argv: [process.execPath, '-e', script], env })
  const { [groupMark]: mark, PWD, SHLVL, _, OLDPWD, ...rest } = JSON.parse(stdout)
  assert.match(mark, /^[0-9a-f-]{20,}$/)
  assert.is(PWD, process.cwd())
  if (!('discovery.type' in rest)) skip('there is no bash to pass such names on', { allowedOnCi: true })
  assert.match(rest['BASH_FUNC_f%%'], /^\(\) \{ {1,2}echo hi;?\s+\}$/)
  assert.equal({ ...rest, 'BASH_FUNC_f%%': '' }, { ...env, 'BASH_FUNC_f%%': '' })
})

test('no descriptor of this process, nor the gate, reaches the program', async () => {
  const { stdout } = await outputOf({ argv: ['sh', '-c', 'ls /proc/self/fd'] })
  const usual = execFileSync('sh', ['-c', 'ls /proc/self/fd'], { encoding: 'utf8' })
  assert.equal(stdout, usual)
})

test('the exit status is the program’s, death by a signal 128 and its number', async () => {
  assert.equal(await (await startOk({ argv: ['sh', '-c', 'exit 7'] })).exited, { status: 7 })
  assert.equal(await (await startOk({ argv: ['sh', '-c', 'kill -9 $$'] })).exited, { status: 137, signal: 'SIGKILL' })
  assert.equal(await (await startOk({ argv: ['sh', '-c', 'kill -15 $$'] })).exited, { status: 143, signal: 'SIGTERM' })
})

test('what cannot be started says what is missing', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'plain'), 'x')
  const code = async (options: ProcessOptions) => {
    const result = await startProcess(options)
    return result.ok ? 'started' : result.failures[0].code
  }
  assert.is(await code({ argv: ['no-such-program-here'] }), 'program-not-found')
  assert.is(await code({ argv: [join(folder, 'plain')] }), 'program-not-found')
  assert.is(await code({ argv: [''] }), 'program-not-found')
  assert.is(await code({ argv: ['true'], cwd: join(folder, 'nowhere') }), 'folder-not-found')
  assert.is(await code({ argv: ['true'], stdout: { file: join(folder, 'no/such/file') } }), 'file-not-found')
  assert.is(await code({ argv: ['true', 'a\0b'] }), 'process-not-started')
  assert.is(await code({ argv: ['true'], signal: AbortSignal.abort() }), 'aborted')
  assert.equal(runnerWatchdog().groups(), [])
})

test('a program is found along the PATH that it is given, and from its own folder', async () => {
  const folder = realpathSync(temporaryFolder())
  mkdirSync(join(folder, 'bin'))
  writeFileSync(join(folder, 'bin', 'mine'), '#!/bin/sh\npwd\n', { mode: 0o755 })
  const env = { PATH: join(folder, 'bin') }
  assert.is((await outputOf({ argv: ['mine'], env, cwd: folder })).stdout, `${folder}\n`)
  assert.is((await outputOf({ argv: ['./bin/mine'], cwd: folder })).stdout, `${folder}\n`)
})

test('output goes to files, appended, by the child itself', async () => {
  const file = join(temporaryFolder(), 'out.log')
  for (const word of ['one', 'two']) {
    const argv = ['sh', '-c', 'echo "$1"; echo "$1" >&2', 'sh', word] as const
    const running = await startOk({ argv: [...argv], stdout: { file }, stderr: { file } })
    await running.exited
  }
  assert.is(readFileSync(file, 'utf8'), 'one\none\ntwo\ntwo\n')
})

test('a pipe feeds the program', async () => {
  const seen = collector()
  const running = await startOk({ argv: ['tr', 'a-z', 'A-Z'], stdin: 'pipe', stdout: seen.take })
  running.stdin?.end('hello')
  await running.exited
  await running.output
  assert.is(seen.text(), 'HELLO')
})

test('a program that ends without reading its input is no error', async () => {
  const running = await startOk({ argv: ['sh', '-c', 'exit 4'], stdin: 'pipe' })
  running.stdin?.write('x'.repeat(1_000_000))
  assert.equal(await running.exited, { status: 4 })
})

test('a slow reader holds the program back, and loses nothing', async () => {
  const script = `
    let sent = 0
    const chunk = Buffer.alloc(65536, 120)
    const more = () => { while (sent < 64) { sent++; if (!process.stdout.write(chunk)) return process.stdout.once('drain', more) } }
    more()
    process.stderr.write('')
    setInterval(() => process.stderr.write(sent + '\\n'), 5).unref()`
  let release: () => void = () => {}
  const held = new Promise<void>((resolve) => {
    release = resolve
  })
  let received = 0
  let sent = 0
  const running = await startOk({
    argv: [process.execPath, '-e', script],
    stdout: async (chunk) => {
      if (received === 0) await held
      received += chunk.length
    },
    stderr: (chunk) => {
      sent = Number(chunk.toString().trim().split('\n').at(-1))
    },
  })
  await until(() => sent > 0, { what: 'the program to write' })
  // It has written what fits into the pipe, and waits.
  assert.ok(sent < 64, `${sent} of 64 chunks were taken, although nobody reads`)
  release()
  await running.exited
  await running.output
  assert.is(received, 64 * 65536)
})

test('stop waits for a slow reader to take what is left', async () => {
  let taken = 0
  const running = await startOk({
    argv: ['sh', '-c', 'head -c 200000 /dev/zero; echo; sleep 600'],
    stdout: async (chunk) => {
      await pause(taken === 0 ? 1500 : 100)
      taken += chunk.length
    },
  })
  await until(async () => (await running.members()).length === 2, { what: 'the program to run' })
  await pause(100)
  await running.stop()
  const before = taken
  await pause(300)
  assert.is(taken, before, 'nothing comes after the stop')
  assert.ok(taken >= 65536)
})

test('a reader that throws ends the process, and its error is not lost', async () => {
  const running = await startOk({
    argv: ['sh', '-c', 'echo x; sleep 600'],
    stdout: () => {
      throw new Error('reader broke')
    },
  })
  await running.output.then(
    () => assert.unreachable(),
    (error) => assert.match(error.message, 'reader broke'),
  )
  assert.is((await running.exited).signal, 'SIGTERM')
})

test('stop ends grandchildren, escapees and what ignores TERM, and comes back when they are gone', async () => {
  const script = `
    trap "" TERM
    sleep 600 &
    setsid sh -c 'trap "" TERM; sleep 600 & wait' &
    bash -c 'set -m; sleep 600 & wait' &
    echo ready
    while :; do sleep 1; done`
  const seen = collector()
  const running = await startOk({ argv: ['sh', '-c', script], graceMs: 300, stdout: seen.take })
  await until(async () => seen.text() !== '' && (await running.members()).length >= 7, { what: 'the family' })
  const members = await running.members()
  const ended = await running.stop()
  assert.equal(ended, { killed: true, left: [] })
  for (const member of members) assert.not.ok(lives(member.pid))
  assert.equal(await running.members(), [])
  assert.equal(await running.exited, { status: 137, signal: 'SIGKILL' })
  assert.is(await running.stop(), ended, 'called again, it tells of the same end')
  assert.equal(runnerWatchdog().groups(), [])
})

test('stop gives time to clean up: helpers that are started after the signal live until they are done', async () => {
  const script = `trap 'sh -c "sleep 0.3; echo cleaned"; exit 0' TERM; echo ready; while :; do sleep 0.05; done`
  const seen = collector()
  const running = await startOk({ argv: ['sh', '-c', script], stdout: seen.take })
  await until(() => seen.text().includes('ready'), { what: 'the trap' })
  assert.equal(await running.stop(), { killed: false, left: [] })
  assert.match(seen.text(), 'cleaned')
  assert.is((await running.exited).status, 0)
})

test('stop wakes a stopped process', async () => {
  const running = await startOk({ argv: ['sleep', '600'] })
  running.kill('SIGSTOP')
  assert.equal(await running.stop(), { killed: false, left: [] })
})

test('stopTarget leader: the leader alone is asked, and what it leaves is killed', async () => {
  const script = `sh -c 'trap "echo child asked" TERM; while :; do sleep 0.05; done' & trap 'echo leader asked; exit 3' TERM
    echo ready; while :; do sleep 0.05; done`
  const seen = collector()
  const running = await startOk({
    argv: ['sh', '-c', script],
    stopTarget: 'leader',
    stdout: seen.take,
  })
  await until(async () => seen.text().includes('ready') && (await running.members()).length >= 2, { what: 'both' })
  const ended = await running.stop()
  assert.equal(ended.left, [])
  assert.match(seen.text(), 'leader asked')
  assert.not.match(seen.text(), 'child asked')
  assert.is((await running.exited).status, 3)
})

test('the leader ends, its child lives on: members tells, the watchdog keeps it, stop ends it', async () => {
  const running = await startOk({ argv: ['sh', '-c', 'sleep 600 & exit 0'] })
  assert.equal(await running.exited, { status: 0 })
  const members = await running.members()
  assert.is(members.length, 1)
  assert.equal(
    runnerWatchdog()
      .groups()
      .map(({ group }) => group),
    [running.pid],
  )
  assert.equal(await running.stop(), { killed: false, left: [] })
  assert.equal(runnerWatchdog().groups(), [])
})

test('a group that ended with its leader is forgotten without a stop', async () => {
  const running = await startOk({ argv: ['true'] })
  await running.exited
  await until(() => runnerWatchdog().groups().length === 0, { what: 'the group to be forgotten' })
})

test('an abort ends the group', async () => {
  const controller = new AbortController()
  const running = await startOk({ argv: ['sh', '-c', 'setsid sleep 600 & sleep 600'], signal: controller.signal })
  await until(async () => (await running.members()).length >= 3, { what: 'the family' })
  controller.abort()
  assert.is((await running.exited).signal, 'SIGTERM')
  await until(async () => (await running.members()).length === 0, { what: 'the escapee to end' })
})

test('a pipe that an outsider keeps open does not hold up stop', async () => {
  const script = `env -u ${groupMark} setsid sleep 600 & echo $!; sleep 600`
  const seen = collector()
  const running = await startOk({ argv: ['sh', '-c', script], stdout: seen.take })
  const outsider = Number(await until(() => seen.text().trim(), { what: 'the outsider' }))
  await until(async () => (await running.members()).every(({ pid }) => pid !== outsider), { what: 'it to leave' })
  assert.equal(await running.stop(), { killed: false, left: [] })
  await running.output
  assert.ok(lives(outsider))
  process.kill(outsider, 'SIGKILL')
})

test('the identity is that of the program, which took the place of the gate', async () => {
  const running = await startOk({ argv: ['sleep', '600'] })
  await until(() => readFileSync(`/proc/${running.pid}/comm`, 'utf8') === 'sleep\n', { what: 'the program to run' })
  assert.equal(await identify(running.pid), running.identity)
  assert.ok(await isAlive(running.identity))
  await running.stop()
  assert.not.ok(await isAlive(running.identity))
})

test('as root, a process can run as another user', async () => {
  if (process.getuid?.() !== 0) skip('needs root', { allowedOnCi: true })
  const { stdout } = await outputOf({ argv: ['id', '-u'], uid: 65534, gid: 65534 })
  assert.is(stdout, '65534\n')
  const running = await startOk({ argv: ['sh', '-c', 'setsid sleep 600 & sleep 600'], uid: 65534, gid: 65534 })
  await until(async () => (await running.members()).length >= 3, { what: 'the family' })
  assert.equal(await running.stop(), { killed: false, left: [] })
})

test('fifty processes at once, started and ended', async () => {
  const all = await Promise.all(Array.from({ length: 50 }, () => startOk({ argv: ['sleep', '600'] })))
  assert.is(new Set(all.map(({ pid }) => pid)).size, 50)
  const ended = await Promise.all(all.map((running) => running.stop()))
  assert.ok(ended.every(({ killed, left }) => !killed && left.length === 0))
  assert.equal(runnerWatchdog().groups(), [])
})

test.run()
