import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { groupMark } from '../../lib/system/marks.ts'
import { findProgram } from '../../lib/system/programs.ts'
import { Watchdog } from '../../lib/system/watchdog.ts'
import { watchdogScript } from '../../lib/system/watchdog-script.ts'
import { processesWith, skip, temporaryFolder, until } from '../support/index.ts'
import { lives, ready, startRunner, type TestRunner } from './support/fixture.ts'

const gone = (runner: TestRunner, what: string) =>
  until(async () => (await runner.children()).length === 0, { what: `${what} to be gone`, deadline: 20_000 })

const count = (runner: TestRunner, expected: number) =>
  until(async () => (await runner.children()).length >= expected, { what: `${expected} processes` })

/** Six processes: one with a child, a grandchild, and a great-grandchild in the background whose parent has gone. */
const family = 'sleep 600 & (sleep 600 & sh -c "sleep 600; :") & (sleep 600 &) & wait'
/** Leaves the group and the session, and ignores what asks it to end. */
const escapee = `setsid sh -c 'trap "" TERM INT HUP; while :; do sleep 600; done' & wait`
const stubborn = `trap "" TERM INT HUP; while :; do sleep 600 & wait; done`

test('kill -9 of the runner: nothing is left, neither grandchildren, nor escapees, nor what ignores TERM', async () => {
  const runner = await startRunner({
    processes: [
      { argv: ['sh', '-c', family], graceMs: 5000 },
      { argv: ['sh', '-c', escapee], graceMs: 300 },
      { argv: ['sh', '-c', stubborn], graceMs: 300 },
      { argv: ['sh', '-c', `${stubborn}`], graceMs: 300, stopTarget: 'leader' },
    ],
    commands: [['sh', '-c', family]],
  })
  const watchdog = await ready(runner)
  await count(runner, 19)
  process.kill(runner.pid, 'SIGKILL')
  await gone(runner, 'everything that the runner had started')
  await until(() => !lives(watchdog), { what: 'the watchdog to end' })
})

test('kill -9 of the whole process group of the runner', async () => {
  const runner = await startRunner({ processes: [{ argv: ['sh', '-c', family] }] })
  const watchdog = await ready(runner)
  await count(runner, 6)
  process.kill(-runner.pid, 'SIGKILL')
  await gone(runner, 'the family')
  await until(() => !lives(watchdog), { what: 'the watchdog to end' })
})

test('the first signal is the one that was chosen, and gives the time to clean up', async () => {
  const script = `trap 'sleep 0.5; echo cleaned; exit' USR1; echo trapping; while :; do sleep 0.1; done`
  const runner = await startRunner({
    processes: [{ argv: ['sh', '-c', script], graceMs: 20_000, stopSignal: 'SIGUSR1', stopTarget: 'leader' }],
  })
  await ready(runner)
  await until(() => runner.stdout().includes('trapping'), { what: 'the trap to be set' })
  process.kill(runner.pid, 'SIGKILL')
  await until(() => runner.stdout().includes('cleaned'), { what: 'the process to clean up' })
  await gone(runner, 'the process')
})

test('INT, TERM and HUP do not end the watchdog, nor do they make it act', async () => {
  const runner = await startRunner({ processes: [{ argv: ['sh', '-c', family] }] })
  const watchdog = await ready(runner)
  await count(runner, 6)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1'] as const) process.kill(watchdog, signal)
  await pause(100)
  assert.ok(lives(watchdog))
  assert.is((await runner.children()).length, 6)
  process.kill(runner.pid, 'SIGKILL')
  await gone(runner, 'the family')
})

test('a watchdog that is killed is replaced, and its successor knows every group', async () => {
  const runner = await startRunner({
    processes: [{ argv: ['sh', '-c', family] }, { argv: ['sleep', '600'] }],
  })
  const first = await ready(runner)
  await count(runner, 7)
  process.kill(first, 'SIGKILL')
  const watchdogs = () => runner.lines().flatMap((line) => ('watchdog' in line ? [line.watchdog] : []))
  await until(() => watchdogs().length === 2, { what: 'a second watchdog' })
  process.kill(runner.pid, 'SIGKILL')
  await gone(runner, 'both groups')
})

test('the watchdog ends with a runner that ends in the ordinary way', async () => {
  const runner = await startRunner({ processes: [{ argv: ['sleep', '600'] }], stopAll: true })
  const watchdog = await ready(runner)
  const ended = await runner.ended
  assert.is(ended.status, 0, ended.stderr)
  await until(() => !lives(watchdog), { what: 'the watchdog to end' })
  assert.is((await runner.children()).length, 0)
})

test('a group whose leader is another process now is left alone', async () => {
  const stranger = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
  const mine = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
  const watchdog = new Watchdog()
  const common = { mark: 'no-such-mark', signal: 'SIGTERM', graceMs: 100, target: 'group' } as const
  try {
    await watchdog.add({ group: stranger.pid as number, startTime: '12345', ...common })
    await watchdog.add({ group: mine.pid as number, startTime: '-', ...common })
    const { pid } = watchdog
    assert.type(pid, 'number')
    watchdog.close()
    await until(() => !lives(pid as number), { what: 'the watchdog to end', deadline: 20_000 })
    assert.not.ok(lives(mine.pid as number))
    assert.ok(lives(stranger.pid as number))
  } finally {
    stranger.kill('SIGKILL')
    mine.kill('SIGKILL')
  }
})

/** A folder with the programs that the watchdog uses, all of them BusyBox. */
function applets(): string {
  const folder = temporaryFolder()
  for (const name of ['awk', 'busybox', 'cat', 'grep', 'sleep', 'tr']) {
    symlinkSync(findProgram('busybox') as string, join(folder, name))
  }
  return folder
}

for (const program of ['dash', 'bash', 'busybox']) {
  test(`the watchdog’s program runs in ${program}`, async () => {
    if (findProgram(program) === undefined) skip(`there is no ${program}`, { allowedOnCi: true })
    const mark = randomUUID()
    const env = { ...process.env, [groupMark]: `outer:${mark}` }
    const script = `trap "" TERM; setsid sh -c 'trap "" TERM; while :; do sleep 1; done' & while :; do sleep 1; done`
    const child = spawn('sh', ['-c', script], { detached: true, stdio: 'ignore', env })
    const stranger = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
    await until(async () => (await processesWith(mark)).length >= 4, { what: 'the group and the escapee' })
    const watchdog = spawn(findProgram(program) as string, ['-c', watchdogScript], {
      stdio: ['pipe', 'ignore', 'pipe'],
      argv0: 'sh',
      // BusyBox's grep and awk are others than GNU's.
      env: { PATH: program === 'busybox' ? applets() : process.env.PATH },
    })
    const errors: Buffer[] = []
    watchdog.stderr.on('data', (chunk: Buffer) => errors.push(chunk))
    watchdog.stdin.write(`add ${stranger.pid}:-:none:TERM:1:group\n`)
    watchdog.stdin.write(`add ${child.pid}:-:${mark}:TERM:2:group\nadd 4999999:-:gone:TERM:2:leader\n`)
    watchdog.stdin.write(`del ${stranger.pid}\n`)
    watchdog.stdin.end(`add ${stranger.pid}:-:none:TERM:1:group`)
    const status = await new Promise((resolve) => watchdog.once('exit', resolve))
    try {
      assert.is(Buffer.concat(errors).toString(), '')
      assert.is(status, 0)
      assert.equal(await processesWith(mark), [])
      assert.ok(lives(stranger.pid as number), 'neither what was taken back, nor a line that was cut, counts')
    } finally {
      stranger.kill('SIGKILL')
    }
  })
}

test('a group that was taken back is left alone', async () => {
  const child = spawn('sleep', ['600'], { detached: true, stdio: 'ignore' })
  const watchdog = new Watchdog()
  const group = child.pid as number
  try {
    const common = { startTime: '-', mark: 'no-such-mark', signal: 'SIGTERM', graceMs: 100, target: 'group' } as const
    await watchdog.add({ group, ...common })
    await watchdog.add({ group: 2 ** 22 + 1, ...common })
    watchdog.delete(group)
    const pid = watchdog.pid as number
    watchdog.close()
    await until(() => !lives(pid), { what: 'the watchdog to end', deadline: 20_000 })
    assert.ok(lives(group))
  } finally {
    child.kill('SIGKILL')
  }
})

test('an inner runner is ended with the outer one, and what it has started too', async () => {
  const inner = JSON.stringify({ processes: [{ argv: ['sh', '-c', escapee], graceMs: 300 }] })
  const { buildProgram } = await import('./support/fixture.ts')
  const program = await buildProgram('runner')
  const runner = await startRunner({ processes: [{ argv: [process.execPath, program, inner], graceMs: 1000 }] })
  await ready(runner)
  await count(runner, 4)
  process.kill(runner.pid, 'SIGKILL')
  await gone(runner, 'the inner runner and its processes')
})

test.run()
