import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { endGroup, endIdentity, endRun, runMembers } from '../../lib/system/groups.ts'
import { groupMark, runMark, withMark, withoutMarks } from '../../lib/system/marks.ts'
import { findByEnvironment, identify, isAlive, ownIdentity } from '../../lib/system/process-identity.ts'
import { parsePs, parseStat, psText } from '../../lib/system/process-table.ts'
import { until } from '../support/index.ts'
import { lives } from './support/fixture.ts'

/** A shell in a group of its own; ended with the test. */
function shell(script: string, env: Record<string, string> = {}): number {
  const child = spawn('sh', ['-c', script], { detached: true, stdio: 'ignore', env: { ...process.env, ...env } })
  return child.pid as number
}

const identityOf = async (pid: number) => {
  const identity = await identify(pid)
  assert.ok(identity)
  return identity as NonNullable<typeof identity>
}

test('an identity is alive, until its process ends', async () => {
  const pid = shell('exec sleep 600')
  const identity = await identityOf(pid)
  assert.is(identity.pid, pid)
  assert.ok(await isAlive(identity))
  assert.equal(await endIdentity(identity), { killed: false, left: [] })
  assert.not.ok(await isAlive(identity))
  assert.ok(await isAlive(await ownIdentity()))
  assert.ok(await isAlive(JSON.parse(JSON.stringify(await ownIdentity()))), 'it survives a record on disk')
})

test('another process with the same pid is neither alive nor ended', async () => {
  const identity = await identityOf(shell('exec sleep 600'))
  const strangers = [
    { ...identity, startTime: String(Number(identity.startTime) - 1) },
    { ...identity, bootId: randomUUID() },
  ]
  for (const stranger of strangers) {
    assert.not.ok(await isAlive(stranger))
    assert.equal(await endIdentity(stranger, { graceMs: 0 }), { killed: false, left: [] })
    assert.ok(await isAlive(identity), 'the process that has the pid now was touched')
  }
  await endIdentity(identity)
})

test('a zombie is dead', async () => {
  // The parent never collects it: it is stopped.
  const parent = shell('sleep 600 & echo; kill -STOP $$; wait')
  const child = await until(
    async () => {
      const { listProcesses } = await import('../../lib/system/process-table.ts')
      return (await listProcesses()).find((entry) => entry.parent === parent && !entry.zombie)
    },
    { what: 'the child' },
  )
  const identity = await identityOf(child.pid)
  process.kill(child.pid, 'SIGKILL')
  await until(async () => !(await isAlive(identity)), { what: 'the zombie to count as dead' })
  assert.is(await identify(child.pid), undefined)
  assert.equal(await endGroup({ group: parent }, { graceMs: 200 }), { killed: false, left: [] })
})

test('processes are found by their environment, by exact value or as one of several', async () => {
  const [one, two] = [randomUUID(), randomUUID()]
  const first = shell('exec sleep 600', { WANTED: one })
  const second = shell('exec sleep 600', { WANTED: `${one}:${two}` })
  const third = shell('exec sleep 600', { WANTED: `${two}x`, OTHER: `WANTED=${one}` })
  const pids = async (value: string) => (await findByEnvironment('WANTED', value)).map(({ pid }) => pid).sort()
  await until(async () => (await pids(two)).length === 1 && (await pids(one)).length === 2, {
    what: 'them to be found',
  })
  const [ones, twos] = [await pids(one), await pids(two)]
  assert.ok(ones.includes(first) && ones.includes(second) && !ones.includes(third))
  assert.ok(!twos.includes(first) && twos.includes(second) && !twos.includes(third))
  for (const pid of [first, second, third]) await endGroup(pid)
  assert.equal(await pids(one), [])
})

test('endGroup: TERM, then KILL after the grace', async () => {
  const polite = shell('sleep 600 & wait')
  assert.equal(await endGroup(polite, { signal: 'SIGHUP' }), { killed: false, left: [] })
  const stubborn = shell('trap "" TERM; while :; do sleep 0.1; done')
  await until(() => lives(stubborn), { what: 'the shell' })
  assert.equal((await endGroup(stubborn, { graceMs: 100 })).left, [])
  assert.not.ok(lives(stubborn))
  assert.equal(await endGroup(2 ** 22 + 1), { killed: false, left: [] }, 'a group that there is not')
})

test('endRun ends everything that carries the run, escapees and the unwilling too, and spares who asks', async () => {
  const run = randomUUID()
  const stubborn = `trap "" TERM; setsid sh -c 'trap "" TERM; while :; do sleep 1; done' & while :; do sleep 1; done`
  shell(stubborn, { [runMark]: run })
  shell('sleep 600 & wait', { [runMark]: `outer:${run}` })
  const other = shell('exec sleep 600', { [runMark]: randomUUID() })
  await until(async () => (await runMembers(run)).length >= 6, { what: 'all of the run' })
  const ended = await endRun(run, { graceMs: 200 })
  assert.equal(ended, { killed: true, left: [] })
  assert.equal(await findByEnvironment(runMark, run), [])
  assert.ok(lives(other))
  await endGroup(other)
})

test('a process of the run that ends the run survives it, and so do those that started it', async () => {
  const run = randomUUID()
  const { buildProgram } = await import('./support/fixture.ts')
  const program = await buildProgram('run-ender')
  const { start } = await import('../support/index.ts')
  const script = `sleep 600 & "$1" "$2" "$3"; echo "shell goes on: $?"`
  const argv = ['sh', '-c', script, 'sh', process.execPath, program, run] as const
  const { stdout, status } = await start(argv, { env: { [runMark]: run } }).ended
  assert.is(status, 0)
  assert.is(stdout, '{"killed":false,"left":[]}\nshell goes on: 0\n')
})

test('marks add up, and can be taken out', () => {
  const env = { A: '1', GONE: undefined }
  const outer = withMark(env, runMark, 'one')
  assert.equal(outer, { A: '1', [runMark]: 'one' })
  assert.equal(withMark(withMark(outer, runMark, 'two'), groupMark, 'g'), {
    A: '1',
    [runMark]: 'one:two',
    [groupMark]: 'g',
  })
  assert.equal(withoutMarks(withMark(outer, groupMark, 'g')), { A: '1' })
})

test('the process table is read right, whatever a process is called', () => {
  const rest = 'S 1 2 3 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 777 4096 0'
  for (const name of ['sh', 'a b', 'a) R 9 9 9', '((', 'new\nline', ')']) {
    const entry = parseStat(`42 (${name}) ${rest}\n`)
    const expected = { pid: 42, parent: 1, group: 2, session: 3, zombie: false, startTime: '777' }
    assert.equal(entry, expected, name)
  }
  assert.is(parseStat(`42 (x) ${rest.replace('S', 'Z')}`)?.zombie, true)
  assert.is(parseStat(''), undefined)
  // As macOS prints it.
  const ps = `    1     0     1 Ss   Mon Nov 17 09:12:33 2025    \n  501   480   480 Z+   Fri Nov  7 10:00:01 2025    \n`
  assert.equal(parsePs(ps), [
    { pid: 1, parent: 0, group: 1, session: 0, zombie: false, startTime: 'Mon Nov 17 09:12:33 2025' },
    { pid: 501, parent: 480, group: 480, session: 0, zombie: true, startTime: 'Fri Nov 7 10:00:01 2025' },
  ])
})

test('ps that finds nothing is no ps that could not run', () => {
  assert.is(psText({ exitCode: 0, stdout: 'x', stderr: '' }), 'x')
  assert.is(psText({ exitCode: 1, stdout: '', stderr: '' }), '')
  assert.throws(() => psText({ exitCode: 1, stdout: '', stderr: 'ps: Invalid process id: x' }), /Invalid process id/)
  assert.throws(() => psText({ message: 'spawn ps EAGAIN' }), /cannot be read: spawn ps EAGAIN/)
})

test.run()
