import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Handed, handedVariable } from '../../../backup/wal/handed.ts'
import { findWalPrograms, noWalProgram, walProgramFor } from '../../../backup/wal/program.ts'
import { observeWal } from '../../../backup/wal/slot.ts'
import { applicationName, withDatabase } from '../../../database/connect.ts'
import { type Failure, failed, ok, type Result } from '../../../model/failure.ts'
import type { OpOf } from '../../../model/op.ts'
import type { DatabaseAdministrator, Handler, OpContext, OpResult } from '../../../model/platform.ts'
import { receiverName } from '../../../model/wal.ts'
import { receiverFingerprint } from '../../../plan/wal.ts'
import { withSupervisor } from '../client.ts'
import type { LocalContext } from '../context.ts'
import { ensureDataFolder } from '../data-root.ts'
import { readLocalState } from '../state.ts'
import { neutralEnvironment } from '../supervisor/launch.ts'
import { builtProgram } from '../supervisor/program.ts'
import type { StartRequest } from '../supervisor/protocol.ts'

type Administrator = (service: string) => Promise<Result<DatabaseAdministrator>>

/** How long it may take until the receiver reads from its slot, in milliseconds. */
const readingMs = 60_000

/** Starts what receives a server's WAL under the supervisor, and waits until the slot keeps it. */
export const receiveWal = (local: LocalContext, administrator: Administrator): Handler<'receive-wal'> => ({
  async run(op, context) {
    const { data } = op
    const admin = await administrator(data.service)
    if (!admin.ok) return admin
    const program = walProgramFor(await findWalPrograms(context.signal), data.version)
    if (!program) return failed(noWalProgram(data.version))
    const request = await requestOf(local, op, admin.value, program.path, context)
    const started = await withSupervisor<OpResult>(local.folder, local.supervisor, async (client, notices) => {
      for (const notice of notices) context.output(notice)
      const record = await client.request('start', request, { timeoutMs: 60_000, signal: context.signal })
      return record.ok ? ok({ message: `pid ${record.value.group?.identity.pid}` }) : record
    })
    if (!started.ok) return started
    return waitUntilRead(local, data.service, admin.value, started.value, context)
  },

  async check({ data }) {
    const state = await readLocalState(local)
    if (!state.ok) return 'unknown'
    const record = state.value.records.find(({ service }) => service === receiverName(data.service))
    return record?.phase === 'up' && record.fingerprint.wal === receiverFingerprint(data).wal ? 'done' : 'pending'
  },
})

async function requestOf(
  local: LocalContext,
  { data }: OpOf<'receive-wal'>,
  admin: DatabaseAdministrator,
  program: string,
  { secrets }: OpContext,
): Promise<StartRequest> {
  const { service, targets, recipients, everyMs, keepBytes } = data
  const references = targets.flatMap((target) => (target.type === 's3' ? [target.accessKey, target.secretKey] : []))
  const values = Object.fromEntries(
    references.flatMap((reference) => {
      const value = secrets.find(reference)
      return value ? [[reference.digest, value.reveal()]] : []
    }),
  )
  const handed: Handed = {
    owner: { workspace: { name: local.workspaceName, id: local.workspaceId }, environment: local.environment },
    service,
    folder: local.folder,
    address: { host: admin.host, port: admin.port, user: admin.user, password: admin.password.reveal() },
    program,
    spool: join(await ensureDataFolder({ ...local, service: '.wal' }), service),
    targets,
    secrets: values,
    recipients,
    everyMs,
    keepBytes,
  }
  const name = receiverName(service)
  const env = { ...neutralEnvironment(process.env), [handedVariable]: JSON.stringify(handed) }
  // Both forms: the value itself, and as JSON writes it.
  const hidden = [...local.hidden, admin.password.reveal(), ...Object.values(values)]
  return {
    environment: local.environment,
    service: name,
    argv: [process.execPath, '--max-semi-space-size=1', builtProgram('wal')],
    cwd: '/',
    env,
    stopSignal: 'SIGTERM',
    stopTarget: 'group',
    graceMs: 20_000,
    restart: 'always',
    oneShot: false,
    ports: {},
    fingerprint: receiverFingerprint(data),
    health: { probes: [], intervalMs: 1000, passes: 1, deadlineMs: 10_000, watchMs: 60_000 },
    target: { service: name, host: '127.0.0.1', ports: {}, directory: '/', environment: {}, secrets: hidden },
    secrets: hidden,
  }
}

async function waitUntilRead(
  local: LocalContext,
  service: string,
  admin: DatabaseAdministrator,
  started: OpResult,
  { run, signal }: OpContext,
): Promise<Result<OpResult>> {
  const address = { ...admin, database: 'postgres', applicationName: applicationName(run), signal }
  for (const deadline = performance.now() + readingMs; ; await pause(200, undefined, { signal })) {
    const found = await withDatabase(address, async (session) => ok(await observeWal(session)))
    if (!found.ok) return found
    const { slot } = found.value
    if (slot?.active) return ok({ ...started, message: `${started.message}, stream ${slot.stream}` })
    if (performance.now() > deadline) return failed(notReading(local, service))
  }
}

const notReading = ({ environment }: LocalContext, service: string): Failure => ({
  code: 'wal-not-received',
  message: `what is to receive the WAL of ${service} does not do so after ${readingMs / 1000}s`,
  service,
  next: [`task backup wal status ${environment}`],
})
