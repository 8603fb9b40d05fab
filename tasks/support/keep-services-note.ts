import { dirname, join } from 'node:path'
import { findUnfinished } from '../../lib/execute/recovery.ts'
import { listRuns } from '../../lib/execute/runs.ts'
import { type EngineHttp, engineHttp } from '../../lib/platform/docker/engine-http.ts'
import { dockerConfigPath, engineSocket } from '../../lib/platform/docker/engine-socket.ts'
import {
  type KnownContainer,
  knownOf,
  quickLook,
  recordsMark,
  writtenNs,
} from '../../lib/platform/docker/quick-look.ts'
import { portsPath } from '../../lib/platform/local/ports-store.ts'
import { findTaskfile } from '../../lib/task/find.ts'
import type { Invocation } from '../../lib/task/invocation.ts'
import { keepNote } from '../../lib/task/keep-noted.ts'
import { configurationPaths } from '../../lib/validate/files.ts'
import type { ShownService } from './addresses.ts'
import { isPlainServicesStatus, type RecordsNote, type ServicesNote, servicesNotePath } from './services-note.ts'
import type { Session } from './session.ts'

/** What was written that lately may be written again without its time being another one. */
const settledMs = 2_000

/**
 * Notes what a status was made from, where the next one can be told from it: an environment on an engine that is reached by a socket, with values from files alone,
 * records, no warnings, and nobody at work. That none is kept is no failure.
 */
export async function keepServicesNote(session: Session, { argv, env, folder: from }: Invocation): Promise<void> {
  const { desired, folder, valueFiles, lookedAt, warned, platform, ops } = session
  const { environment, configuration, workspace } = desired
  const taskfile = findTaskfile(from)
  if (desired.platform !== 'docker' || !isPlainServicesStatus(argv) || warned || !valueFiles || !lookedAt) return
  if (!taskfile.ok || dirname(taskfile.value) !== folder || env.OPS_WORKSPACE || env.OPS_ENVIRONMENT) return
  if (desired.configuredAs !== environment || desired.services.some(({ unavailable }) => unavailable !== undefined))
    return
  const { host, context } = configuration.docker ?? {}
  const docker = { ...(host !== undefined && { host }), ...(context !== undefined && { context }) }
  const socket = engineSocket(docker, env)
  if (socket === undefined) return
  try {
    const http = engineHttp(socket)
    const look = await quickLook(socket, { workspaceId: workspace.id, environment }, {})
    if (look.isLocked || look.records === undefined) return
    const records = await recordsNote(socket, http, look.records)
    if (!records) return
    // Looked at once more, now that it is known what the records were.
    if (await findUnfinished({ ops, environment, releases: platform.releases }, undefined)) return
    if ((await listRuns(ops, { environment })).some(({ state }) => state === 'running')) return
    const data: ServicesNote = {
      ...{ environment, workspaceId: workspace.id, docker, records },
      services: desired.services.map(shown),
      containers: await known(http, look.containers),
    }
    const { database } = configuration
    await keepNote(servicesNotePath(taskfile.value, argv), {
      taskfile: taskfile.value,
      env,
      paths: [
        ...valueFiles,
        ...[dirname(configurationPaths.workspace), configurationPaths.workspace],
        ...[portsPath(folder, environment), join(ops, 'runs')],
        ...(dockerConfigPath(env) ? [dockerConfigPath(env) as string] : []),
      ],
      trees: [
        ...[configurationPaths.services, configurationPaths.environments, `.ops/secrets/${environment}`],
        ...(database ? [database.migrations, database.seeds ?? `database/seeds/${environment}`] : []),
        ...lookedAt,
      ],
      data,
    })
  } catch {
    // The engine is somebody else's, too.
  }
}

const shown = ({ name, spec }: Session['desired']['services'][number]): ShownService => ({
  name,
  ...(spec && {
    spec: {
      ports: spec.ports,
      ...(spec.engine && { engine: spec.engine }),
      ...(spec.command && { command: true }),
      health: { probes: spec.health.probes.map(({ type }) => ({ type })) },
      ...(spec.docker && {
        docker: { published: spec.docker.published.map(({ name, host, container }) => ({ name, host, container })) },
      }),
    },
  }),
})

async function known(http: EngineHttp, containers: readonly { id: string }[]): Promise<Record<string, KnownContainer>> {
  const each = await Promise.all(
    containers.map(async ({ id }) => {
      const { status, text } = await http({ method: 'GET', path: `/containers/${id}/json` })
      const found = status === 200 ? knownOf(JSON.parse(text)) : undefined
      return found ? [[id, found] as const] : []
    }),
  )
  return Object.fromEntries(each.flat())
}

/** When the records were last written, before anybody reads them; undefined where that was a moment ago, or nobody can tell. */
async function recordsNote(socket: string, http: EngineHttp, container: string): Promise<RecordsNote | undefined> {
  const mark = await recordsMark(socket, container)
  if (mark === undefined || !(Date.parse(mark) < Date.now() - settledMs)) return undefined
  const { status, text } = await http({ method: 'GET', path: `/containers/${container}/json` })
  const { Mounts: mounts } = status === 200 ? (JSON.parse(text) as { Mounts?: { Source?: string }[] | null }) : {}
  const path = mounts?.[0]?.Source
  // The engine's disk may be another machine's, with a folder of the same name here.
  const mtimeNs = path === undefined ? undefined : writtenNs(path)
  const isSame = mtimeNs !== undefined && mtimeNs === nanoseconds(mark)
  return { container, mark, ...(path !== undefined && isSame && { folder: { path, mtimeNs } }) }
}

/** `2026-11-21T19:46:43.327693565Z` in nanoseconds since the epoch. */
function nanoseconds(text: string): string {
  const [, seconds = '', fraction = '', zone = ''] = /^([^.Z+]*?)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/.exec(text) ?? []
  const ms = Date.parse(seconds + zone)
  return Number.isNaN(ms) ? '' : String(BigInt(ms) * 1_000_000n + BigInt(fraction.padEnd(9, '0')))
}
