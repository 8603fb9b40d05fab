import { randomInt, randomUUID } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { ok, unwrap } from '../../../lib/model/failure.ts'
import { connectSupervisor, hasEnded, withSupervisor } from '../../../lib/platform/local/client.ts'
import { observedService } from '../../../lib/platform/local/supervisor/record.ts'
import { processesWith, timeLimit, until } from '../../support/index.ts'
import { endWorkspaces, ensure, request, workspace } from './support.ts'

timeLimit(10 * 60_000)
test.after.each(endWorkspaces)

/** A service that starts a child in its group and one in a session of its own, all with a mark that only this test has. */
function family(mark: string) {
  const env = { PATH: process.env.PATH as string, MARK_OF_TEST: mark }
  return request('setsid sleep 1000 & sleep 1000 & wait', { env, restart: 'on-failure', graceMs: 2000 })
}

test('kill -9 of the supervisor at any moment of starting, restarting and stopping leaves nothing', async () => {
  const folder = workspace()
  const mark = randomUUID()
  const rounds = 60
  let recovered = 0
  for (let round = 0; round < rounds; round++) {
    const { client, notices } = await ensure(folder)
    recovered += notices.length
    const victim = client.record.identity.pid
    const work = (async () => {
      await client.request('start', family(mark))
      await client.request('start', { ...family(mark), fingerprint: { command: 'other' } })
      await client.request('stop', { environment: 'dev', service: 'api' })
    })()
    await new Promise((resolve) => setTimeout(resolve, randomInt(60)))
    try {
      process.kill(victim, 'SIGKILL')
    } catch {
      // It has ended with its last service.
    }
    await work
    client.close()
    await until(async () => (await processesWith(mark)).length === 0, {
      what: `nothing to be left of round ${round}`,
      deadline: 30_000,
    })
  }
  const { client } = await ensure(folder)
  unwrap(await client.request('start', family(mark)))
  assert.is((await processesWith(mark)).length, 3)
  assert.ok(recovered > 0, 'no round had anything to recover')
})

test('commands that start and stop at once, again and again, always meet one supervisor', async () => {
  const folder = workspace()
  const mark = randomUUID()
  const supervisors = new Set<number>()
  const command = async (name: string) => {
    for (let round = 0; round < 25; round++) {
      const started = await withSupervisor(folder, {}, async (client) => {
        supervisors.add(client.record.identity.pid)
        return client.request('start', { ...family(mark), service: name })
      })
      unwrap(started)
      const connected = unwrap(await connectSupervisor(folder))
      assert.ok(connected, 'a service runs without a supervisor')
      const stopped = await connected?.request('stop', { environment: 'dev', service: name })
      connected?.close()
      if (stopped && !stopped.ok) throw new Error(`${name} was not stopped: ${stopped.failures[0].message}`)
    }
    return ok(undefined)
  }
  await Promise.all(['one', 'two', 'three', 'four'].map(command))
  await until(async () => (await processesWith(mark)).length === 0, { what: 'nothing to be left' })
  const last = unwrap(await connectSupervisor(folder))
  last?.close()
  if (last) unwrap(await hasEnded(last.record))
  assert.ok(supervisors.size >= 1)
  await until(async () => (await processesWith(`supervisor.js ${folder}`)).length === 0, {
    what: 'the supervisor to end',
  })
})

test('a service that is killed again and again is there again, later each time', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const health = { probes: [], intervalMs: 50, passes: 1, deadlineMs: 60_000, watchMs: 50 }
  unwrap(await client.request('start', request('exec sleep 1000', { restart: 'always', health })))
  for (let round = 0; round < 8; round++) {
    const record = await until(
      async () => {
        const [found] = unwrap(await client.request('status', {}))
        return found?.phase === 'up' && found.restarts === round ? found : undefined
      },
      { what: `start ${round}`, deadline: 60_000 },
    )
    if (round >= 3) assert.is(observedService(record, Date.now()).status, 'error')
    process.kill(record.group?.identity.pid as number, 'SIGKILL')
  }
})

test.run()
