import { existsSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unwrap } from '../../../lib/model/failure.ts'
import { connectSupervisor, hasEnded } from '../../../lib/platform/local/client.ts'
import { serviceLogPath, statePath } from '../../../lib/platform/local/paths.ts'
import { observedService } from '../../../lib/platform/local/supervisor/record.ts'
import { readState } from '../../../lib/platform/local/supervisor/state-file.ts'
import { processesWith, until } from '../../support/index.ts'
import { endWorkspaces, ensure, gone, lives, pidIn, recordWhen, request, startService, workspace } from './support.ts'

test.after.each(endWorkspaces)

test('a service runs on when the command that started it is gone, and the last stop ends the supervisor', async () => {
  const folder = workspace()
  const first = await ensure(folder)
  const record = await startService(first.client, request('echo hello; exec sleep 1000'))
  first.client.close()
  const pid = record.group?.identity.pid as number
  assert.ok(lives(pid))

  const second = await ensure(folder)
  assert.equal(second.client.record.identity, first.client.record.identity)
  const state = await recordWhen(second.client, 'the service to be healthy', ({ health }) => health === 'healthy')
  assert.is(observedService(state, Date.now()).status, 'running')
  const stopped = unwrap(await second.client.request('stop', { environment: 'dev', service: 'api' }))
  assert.equal(stopped, { killed: false, left: [], remaining: 0 })
  assert.not.ok(lives(pid))
  second.client.close()
  unwrap(await hasEnded(first.client.record))
  assert.is(unwrap(await connectSupervisor(folder)), undefined)
  assert.is((await readState(folder))?.ended, true)
})

test('each line of the log has its time, whatever stream and chunk it came in', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  await startService(client, request('printf one; sleep 0.05; echo " line"; echo two >&2; printf "no end"'))
  await recordWhen(client, 'the end', ({ phase }) => phase === 'ended')
  const text = await until(
    () => {
      const now = readFileSync(serviceLogPath(folder, 'dev', 'api'), 'utf8')
      return now.includes('no end') ? now : undefined
    },
    { what: 'the last line' },
  )
  const lines = text.trimEnd().split('\n')
  assert.ok(lines.every((line) => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /.test(line)))
  const texts = lines.map((line) => line.slice(25))
  for (const expected of ['one line', 'two', 'no end', '[vital-ops] its process ended with status 0']) {
    assert.ok(texts.includes(expected), `${expected} in ${JSON.stringify(texts)}`)
  }
})

test('the supervisor has neither marks nor secrets, and no service has the mark of a run', async () => {
  const folder = workspace()
  process.env.VITAL_OPS_RUN = 'run-of-the-test'
  process.env.PLANTED_SECRET = 'hunter2-in-the-environment'
  const { client } = await ensure(folder).finally(() => {
    delete process.env.VITAL_OPS_RUN
    delete process.env.PLANTED_SECRET
  })
  const secret = 'sw0rdfish+/planted'
  const { group } = await startService(
    client,
    request('echo "password $PASSWORD $(printf %s "$PASSWORD" | base64)"; exec sleep 1000', {
      env: { PATH: process.env.PATH as string, PASSWORD: secret },
      secrets: [secret],
    }),
  )
  const { pid } = client.record.identity
  const environment = readFileSync(`/proc/${pid}/environ`, 'latin1')
  assert.not.match(environment, /VITAL_OPS|hunter2/)
  const ofService = await until(
    () => {
      // Empty until the program itself runs.
      const text = readFileSync(`/proc/${group?.identity.pid}/environ`, 'latin1')
      return text.includes(secret) ? text : undefined
    },
    { what: "the service's environment" },
  )
  assert.not.match(ofService, /VITAL_OPS_RUN|hunter2/)
  const log = await until(() => /password .*\n/.exec(readFileSync(serviceLogPath(folder, 'dev', 'api'), 'utf8'))?.[0], {
    what: 'the line of the log',
  })
  assert.is(log, 'password [redacted] [redacted]\n')
  for (const path of [statePath(folder), `/proc/${pid}/cmdline`, `/proc/${pid}/environ`]) {
    assert.not.ok(readFileSync(path, 'utf8').includes(secret), path)
  }
})

test('kill -9 of the supervisor leaves no orphan, and the next command says so', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const child = join(folder, 'child')
  const stray = join(folder, 'stray')
  await startService(
    client,
    request(`sleep 1000 & echo $! > ${child}; setsid sh -c 'echo $$ > ${stray}; exec sleep 1000' & wait`),
  )
  const pids = [await pidIn(child), await pidIn(stray)]
  process.kill(client.record.identity.pid, 'SIGKILL')
  for (const pid of pids) await gone(pid)

  const next = await ensure(folder)
  assert.equal(next.notices, ['api (dev) ended with a supervisor that died'])
  assert.is.not(next.client.record.identity.pid, client.record.identity.pid)
  const [record] = unwrap(await next.client.request('status', {}))
  const state = observedService(record as NonNullable<typeof record>, Date.now())
  assert.is(state.status, 'error')
  assert.is(state.reason, 'its supervisor died, which ended it')
  assert.is(state.pid, undefined)
})

test('what even the watchdog could not end is ended by the next command, by its recorded identity', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const { group } = await startService(client, request('sleep 1001 & sleep 1002'))
  const mark = group?.mark as string
  await until(async () => (await processesWith(mark)).length === 3, { what: 'the shell and its children' })
  const supervisor = client.record.identity.pid
  const watchdogs = (await processesWith('vital-ops-watchdog')).filter(({ parent }) => parent === supervisor)
  assert.is(watchdogs.length, 1)
  // Stopped first, so that it does not replace the watchdog.
  process.kill(supervisor, 'SIGSTOP')
  process.kill(watchdogs[0]?.pid as number, 'SIGKILL')
  process.kill(supervisor, 'SIGKILL')
  assert.is((await processesWith(mark)).length, 3)

  const next = await ensure(folder)
  assert.equal(next.notices, ['api (dev) was left running by a supervisor that died, and was ended'])
  assert.equal(await processesWith(mark), [])
})

test('the main process dies and a child lives on: status knows, stop ends it', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const path = join(folder, 'child')
  const { group } = await startService(client, request(`sleep 1000 & echo $! > ${path}; wait`))
  const child = await pidIn(path)
  process.kill(group?.identity.pid as number, 'SIGKILL')
  const record = await recordWhen(client, 'the death to be known', ({ phase }) => phase === 'ended')
  const state = observedService(record, Date.now())
  assert.is(state.status, 'error')
  assert.is(state.reason, 'its process was ended by SIGKILL, but a process that it started still runs')
  assert.is(state.pid, child)
  assert.equal(state.exit?.status, 137)
  unwrap(await client.request('stop', { environment: 'dev', service: 'api' }))
  assert.not.ok(lives(child))
})

test('supervisor and main process die, a child lives on: nothing is left', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const path = join(folder, 'child')
  const { group } = await startService(client, request(`sleep 1000 & echo $! > ${path}; wait`))
  const child = await pidIn(path)
  process.kill(client.record.identity.pid, 'SIGKILL')
  process.kill(group?.identity.pid as number, 'SIGKILL')
  await gone(child)
  assert.is((await ensure(folder)).notices.length, 1)
})

test('a child of a dead main process is ended before the service is started again', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const path = join(folder, 'child')
  const { group } = await startService(
    client,
    request(`sleep 1000 & echo $! > ${path}; wait`, { restart: 'on-failure' }),
  )
  const child = await pidIn(path)
  rmSync(path)
  process.kill(group?.identity.pid as number, 'SIGKILL')
  const record = await recordWhen(client, 'the restart', ({ phase, restarts }) => phase === 'up' && restarts === 1)
  assert.not.ok(lives(child))
  assert.is.not(record.group?.identity.pid, group?.identity.pid)
  assert.is.not(await pidIn(path), child)
})

test('a crash loop is an error with its cause, and is still retried', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  await startService(client, request('exit 7', { restart: 'on-failure' }))
  const record = await recordWhen(client, 'the crash loop', ({ crashLoop }) => crashLoop)
  const state = observedService(record, Date.now())
  assert.is(state.status, 'error')
  assert.is(state.reason, 'it ends again and again (3 times within a minute); the last time it ended with status 7')
  await recordWhen(client, 'one more retry', ({ restarts }) => restarts >= 3)
  unwrap(await client.request('stop', { environment: 'dev', service: 'api' }))
  const [stopped] = unwrap(await client.request('status', {}))
  assert.is(stopped?.phase, 'stopped')
})

test('a service that ignores TERM is killed after its grace', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const path = join(folder, 'ready')
  const { group } = await startService(
    client,
    request(`trap '' TERM; echo $$ > ${path}; while :; do sleep 1000; done`, { graceMs: 300 }),
  )
  await pidIn(path)
  const stopped = unwrap(await client.request('stop', { environment: 'dev', service: 'api' }))
  assert.equal(stopped, { killed: true, left: [], remaining: 0 })
  assert.equal(await processesWith(group?.mark as string), [])
})

test('a one-shot service ends with status 0, and the supervisor with it', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  await startService(client, request('exit 0', { oneShot: true, restart: 'always' }))
  const record = await recordWhen(client, 'its end', ({ phase }) => phase === 'ended')
  assert.is(observedService(record, Date.now()).status, 'stopped')
  assert.is(observedService(record, Date.now()).exit?.status, 0)
  client.close()
  unwrap(await hasEnded(client.record))
})

test('a program that does not exist is a failure at once', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const started = await client.request('start', request('', { argv: ['/nowhere/program'], restart: 'always' }))
  assert.is(started.ok, false)
  assert.is(!started.ok && started.failures[0].code, 'program-not-found')
  const [record] = unwrap(await client.request('status', {}))
  const state = observedService(record as NonNullable<typeof record>, Date.now())
  assert.is(state.status, 'error')
  assert.match(state.reason as string, '/nowhere/program was not found')
})

test('a start under a name that runs replaces it', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const old = await startService(client, request('exec sleep 1000'))
  const now = await startService(client, request('exec sleep 1000', { release: 2 }))
  assert.not.ok(lives(old.group?.identity.pid as number))
  assert.ok(lives(now.group?.identity.pid as number))
  assert.is(unwrap(await client.request('status', {})).length, 1)
})

test('commands that start the supervisor at once all get the same one', async () => {
  const folder = workspace()
  const all = await Promise.all(Array.from({ length: 8 }, () => ensure(folder)))
  const pids = new Set(all.map(({ client }) => client.record.identity.pid))
  assert.is(pids.size, 1)
  await until(async () => (await processesWith(`supervisor.js ${folder}`)).length === 1, { what: 'the losers to end' })
  await startService(all[3]?.client as (typeof all)[0]['client'], request('exec sleep 1000'))
  for (const { client } of all) assert.is(unwrap(await client.request('status', {})).length, 1)
})

test('TERM to the supervisor ends its services in order', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const path = join(folder, 'order')
  const script = (name: string) =>
    `trap 'echo ${name} >> ${path}; exit 0' TERM; echo $$ > ${path}-${name}; while :; do sleep 0.05; done`
  await startService(client, request(script('first'), { service: 'first' }))
  await startService(client, request(script('second'), { service: 'second' }))
  for (const name of ['first', 'second']) await pidIn(`${path}-${name}`)
  process.kill(client.record.identity.pid, 'SIGTERM')
  unwrap(await hasEnded(client.record))
  assert.is(readFileSync(path, 'utf8'), 'second\nfirst\n')
  assert.equal((await ensure(folder)).notices, [])
})

test('a supervisor whose folder was removed ends, with its services', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const { group } = await startService(client, request('exec sleep 1000'))
  rmSync(join(folder, '.ops'), { recursive: true })
  await gone(group?.identity.pid as number, 'the service')
  unwrap(await hasEnded(client.record))
  assert.not.ok(existsSync(join(folder, '.ops', 'supervisor')))
})

test('whoever talks nonsense to the socket is cut off, and nothing else happens', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  for (const nonsense of ['\n', 'GET / HTTP/1.1\r\n\r\n', '{"id":1,"method":"constructor","params":{}}\n', '{']) {
    const socket = connect(client.record.socket)
    const closed = new Promise((resolve) => socket.once('close', resolve))
    socket.on('error', () => {})
    socket.on('data', () => socket.destroy())
    socket.end(nonsense)
    await closed
  }
  assert.ok((await client.request('status', {})).ok)
})

test('changes come to who has subscribed, of its environment alone', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const phases: string[] = []
  unwrap(await client.subscribe('dev', ({ service, phase }) => phases.push(`${service} ${phase}`)))
  await startService(client, request('exec sleep 1000', { environment: 'staging' }))
  await startService(client, request('exit 3'))
  await until(() => phases.includes('api ended'), { what: 'the end' })
  assert.equal(phases.slice(0, 2), ['api up', 'api ended'])
})

test.run()
