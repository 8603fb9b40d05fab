import { mkdirSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unwrap } from '../../../lib/model/failure.ts'
import { connectSupervisor, ensureSupervisor, hasEnded } from '../../../lib/platform/local/client.ts'
import { ownStanding, type Standing } from '../../../lib/platform/local/lock-liveness.ts'
import { statePath, supervisorFolder, supervisorRecordPath } from '../../../lib/platform/local/paths.ts'
import {
  beat,
  claimWorkspace,
  highestClaim,
  holderElsewhere,
  isCurrent,
} from '../../../lib/platform/local/supervisor/claim.ts'
import { observedService, type ServiceRecord } from '../../../lib/platform/local/supervisor/record.ts'
import { socketPath } from '../../../lib/platform/local/supervisor/socket-path.ts'
import { identify, ownIdentity, type ProcessIdentity } from '../../../lib/system/process-identity.ts'
import { killGroup, repository, start, temporaryFolder } from '../../support/index.ts'
import { endWorkspaces, ensure, lives, request, startService, workspace } from './support.ts'

test.after.each(endWorkspaces)

/** A workspace whose dead supervisor has left a state that says: `identity` is the service's process. */
async function leftBehind(identity: ProcessIdentity): Promise<string> {
  const folder = workspace()
  mkdirSync(supervisorFolder(folder), { recursive: true, mode: 0o700 })
  const record: ServiceRecord = {
    environment: 'dev',
    service: 'api',
    fingerprint: {},
    ports: { http: 1 },
    oneShot: false,
    phase: 'up',
    group: { identity, mark: 'nobody-carries-it', stopSignal: 'SIGTERM', stopTarget: 'group', graceMs: 100 },
    survivors: [],
    requestedAt: '2026-01-01T00:00:00.000Z',
    restarts: 0,
    crashLoop: false,
    health: 'healthy',
    settled: true,
    last_updated: '2026-01-01T00:00:00.000Z',
  }
  const dead = { ...identity, pid: 4_194_303 }
  writeFileSync(statePath(folder), JSON.stringify({ version: 1, supervisor: dead, ended: false, services: [record] }))
  writeFileSync(
    supervisorRecordPath(folder),
    JSON.stringify({
      version: 1,
      identity: dead,
      generation: 1,
      socket: socketPath(folder),
      protocol: 1,
      startedAt: '',
    }),
  )
  writeFileSync(
    join(supervisorFolder(folder), 'claim-00000001.json'),
    JSON.stringify({ generation: 1, identity: dead, standing: await standingOf(dead), host: 'here' }),
  )
  return folder
}

/** Where a process of this machine stands. */
const standingOf = async (process: ProcessIdentity): Promise<Standing> => ({ ...(await ownStanding()), process })

const identityOf = async (pid: number) => (await identify(pid)) as ProcessIdentity

test('a pid that is another process now is not touched', async () => {
  const innocent = start(['sleep', '1000'])
  const now = await identityOf(innocent.pid)
  const folder = await leftBehind({ ...now, startTime: `${Number(now.startTime) - 1}` })
  const { notices, client } = await ensure(folder)
  assert.ok(lives(innocent.pid))
  assert.equal(notices, ['api (dev) ended with a supervisor that died'])
  assert.is(client.record.generation, 2)
  killGroup(innocent.pid, 'SIGKILL')
})

test('after the machine was started anew, equal pids and start times mean nothing', async () => {
  const innocent = start(['sleep', '1000'])
  const folder = await leftBehind({ ...(await identityOf(innocent.pid)), bootId: 'the boot before' })
  const { notices, client } = await ensure(folder)
  assert.ok(lives(innocent.pid))
  assert.equal(notices, ['api (dev) ended when the machine was started anew'])
  const [record] = unwrap(await client.request('status', {}))
  assert.is(observedService(record as ServiceRecord, 0).reason, 'the machine was started anew')
  killGroup(innocent.pid, 'SIGKILL')
})

test('a recorded process that still lives is ended', async () => {
  const left = start(['sleep', '1000'])
  const folder = await leftBehind(await identityOf(left.pid))
  const { notices } = await ensure(folder)
  assert.not.ok(lives(left.pid))
  assert.equal(notices, ['api (dev) was left running by a supervisor that died, and was ended'])
})

test('without a supervisor nothing is connected to, and nothing is started', async () => {
  const folder = workspace()
  assert.is(unwrap(await connectSupervisor(folder)), undefined)
  assert.is(
    unwrap(await connectSupervisor(await leftBehind({ pid: 4_194_303, startTime: '1', bootId: 'x' }))),
    undefined,
  )
})

test('a torn state file does not keep a supervisor from starting', async () => {
  const folder = await leftBehind({ pid: 4_194_303, startTime: '1', bootId: 'x' })
  writeFileSync(statePath(folder), '{"version":1,"serv')
  const { client } = await ensure(folder)
  assert.equal(unwrap(await client.request('status', {})), [])
})

test('a path of more than 120 characters', async () => {
  const folder = workspace('a'.repeat(60).concat('/', 'b'.repeat(60)))
  assert.ok(folder.length > 120)
  const { client } = await ensure(folder)
  assert.ok(client.record.socket.length <= 100, client.record.socket)
  const { group } = await startService(client, request('exec sleep 1000'))
  assert.ok(lives(group?.identity.pid as number))
  assert.is.not(socketPath(folder), socketPath(`${folder}2`))
})

test('of many that find a dead claim, one gets it', async () => {
  const folder = await leftBehind({ pid: 4_194_303, startTime: '1', bootId: 'x' })
  const sleepers = Array.from({ length: 12 }, () => start(['sleep', '1000']))
  const standings = await Promise.all(sleepers.map(async ({ pid }) => standingOf(await identityOf(pid))))
  const claims = await Promise.all(standings.map((standing) => claimWorkspace(folder, standing)))
  const won = claims.flatMap((claim) => (claim.won ? [claim.claim] : []))
  assert.is(won.length, 1)
  assert.equal(await highestClaim(folder), won[0])
  for (const claim of claims) if (!claim.won) assert.equal(claim.holder, won[0])
  for (const sleeper of sleepers) killGroup(sleeper.pid, 'SIGKILL')
})

test('a claim is lost when a later one was made', async () => {
  const folder = workspace()
  mkdirSync(supervisorFolder(folder), { recursive: true })
  const first = await claimWorkspace(folder, await standingOf({ ...(await ownIdentity()), pid: 4_194_303 }))
  assert.ok(first.won && (await isCurrent(folder, first.claim)))
  const second = await claimWorkspace(folder, await ownStanding())
  assert.ok(second.won && second.claim.generation === 2)
  assert.not.ok(first.won && (await isCurrent(folder, first.claim)))
})

test('a holder that cannot be seen from here is left alone as long as it gives signs of life', async () => {
  const folder = workspace()
  mkdirSync(supervisorFolder(folder), { recursive: true, mode: 0o700 })
  const { bootId } = await ownIdentity()
  const foreign = { ...(await standingOf({ pid: 1, startTime: '1', bootId })), namespaces: 'another container' }
  const first = await claimWorkspace(folder, foreign)
  if (!first.won) throw new Error('the claim was not won')
  assert.is((await holderElsewhere(folder))?.generation, 1)
  const timer = setInterval(() => void beat(folder, first.claim), 100)
  const ensured = await ensureSupervisor(folder).finally(() => clearInterval(timer))
  assert.is(!ensured.ok && ensured.failures[0].code, 'supervisor-elsewhere')
  // It has fallen silent: its container is gone.
  utimesSync(join(supervisorFolder(folder), 'claim-00000001.json'), 1, 1)
  assert.is(await holderElsewhere(folder), undefined)
  assert.is((await ensure(folder)).client.record.generation, 2)
})

test('a newer version takes over, with the services; an older one refuses', async () => {
  const folder = workspace()
  const old = await ensure(folder)
  const { group } = await startService(old.client, request('exec sleep 1000', { restart: 'always' }))
  const outfile = join(temporaryFolder(), 'supervisor-2.mjs')
  await build({
    stdin: {
      contents: `
        import { writeSync, closeSync } from 'node:fs'
        import { runSupervisor } from './lib/platform/local/supervisor/server.ts'
        await runSupervisor(process.argv[2], (greeting) => { writeSync(3, JSON.stringify(greeting) + '\\n'); closeSync(3) }, 2)
      `,
      resolveDir: repository,
    },
    bundle: true,
    platform: 'node',
    format: 'esm',
    packages: 'external',
    outfile,
  })
  const { client, notices } = unwrap(await ensureSupervisor(folder, { protocol: 2, program: outfile }))
  assert.equal(notices, ['the supervisor was of an older version and was replaced; started again: api (dev)'])
  unwrap(await hasEnded(old.client.record))
  assert.not.ok(lives(group?.identity.pid as number))
  const [record] = unwrap(await client.request('status', {}))
  assert.is(record?.phase, 'up')
  assert.ok(lives(record?.group?.identity.pid as number))

  const older = await connectSupervisor(folder, { protocol: 1 })
  assert.is(!older.ok && older.failures[0].code, 'supervisor-newer')
})

test('a supervisor that was stopped by a signal is not waited for', async () => {
  const folder = workspace()
  const { client } = await ensure(folder)
  const { pid } = client.record.identity
  process.kill(pid, 'SIGSTOP')
  try {
    const connected = await connectSupervisor(folder)
    assert.is(!connected.ok && connected.failures[0].code, 'supervisor-silent')
    assert.match((!connected.ok && connected.failures[0].next?.[0]) || '', `kill -CONT ${pid}`)
  } finally {
    process.kill(pid, 'SIGCONT')
  }
})

test.run()
