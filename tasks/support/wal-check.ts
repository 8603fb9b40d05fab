import { checkStored } from '../../lib/backup/fetch.ts'
import { openTarget } from '../../lib/backup/targets/index.ts'
import type { Target } from '../../lib/backup/targets/target.ts'
import { type Listed, listStreams, readWalManifest, streamPrefix } from '../../lib/backup/wal/archive.ts'
import { followWal, gapsIn } from '../../lib/backup/wal/coverage.ts'
import { restorableSpans } from '../../lib/backup/wal/spans.ts'
import type { BaseWal, CatalogueEntry } from '../../lib/model/backup.ts'
import { formatDuration } from '../../lib/model/duration.ts'
import { type Failure, FailureError } from '../../lib/model/failure.ts'
import { walPolicy } from '../../lib/model/wal.ts'
import { backupTargets } from '../../lib/plan/backup-targets.ts'
import type { Session } from './session.ts'
import { readWalServer } from './wal-knowledge.ts'

/** How far behind what is stored may be, beyond a few of the policy's intervals, in milliseconds. */
const graceMs = 60_000

/**
 * What is wrong with an environment's WAL: files that are missing behind a backup, that are not whole, that come no more; a slot that keeps WAL for nobody. Reads what
 * lies behind the newest backup through, or with `all` behind each.
 */
export async function checkWal(
  session: Session,
  entries: readonly CatalogueEntry[],
  all: boolean,
  signal: AbortSignal,
): Promise<Failure[]> {
  const { desired, folder, secrets } = session
  const policy = walPolicy(desired.configuration.backup)
  const bases = entries.flatMap((entry) => {
    const wal = entry.manifest?.sources.find((source) => source.wal !== undefined)?.wal
    return wal && entry.state === 'complete' ? [{ entry, wal }] : []
  })
  const server = policy || bases.length > 0 ? await readWalServer(session, signal) : undefined
  if (!policy && bases.length === 0 && !server?.slot) return []
  const targets = backupTargets(desired).map((target) => openTarget(target, { folder, secrets }))
  const failures: Failure[] = []
  for (const target of targets) {
    try {
      failures.push(...(await checkTarget(target, session, bases, all, signal)))
    } catch (error) {
      if (!(error instanceof FailureError)) throw error
      failures.push(...error.failures)
    }
  }
  const environment = desired.configuredAs
  const { slot } = server ?? {}
  if (slot?.lost) failures.push(lostSlot(environment))
  else if (slot && !slot.active) failures.push(unread(environment, slot.keptBytes))
  if (policy) {
    const newest = (await restorableSpans(targets, desired, entries)).at(-1)
    const behind = newest && Date.now() - Date.parse(newest.to)
    if (behind === undefined || behind > 5 * policy.everyMs + graceMs) failures.push(tooFarBehind(environment, behind))
  }
  return failures
}

type Base = { entry: CatalogueEntry; wal: BaseWal }

async function checkTarget(
  target: Target,
  { desired }: Session,
  bases: readonly Base[],
  all: boolean,
  signal: AbortSignal,
): Promise<Failure[]> {
  const streams = await listStreams(target, desired)
  const failures: Failure[] = []
  const here = bases.filter(({ entry }) => entry.targets.includes(target.name))
  for (const stream of new Set(here.map(({ wal }) => wal.stream))) {
    const listed = streams.get(stream) ?? { segments: [], partials: [] }
    const [oldest] = here.filter(({ wal }) => wal.stream === stream)
    if (!oldest) continue
    const { wal } = oldest
    // What the oldest backup brings itself need not be in the stream.
    const behind = [wal.last, ...listed.segments.filter((name) => name > wal.last)]
    for (const name of gapsIn(behind, listed.partials.at(-1), wal.segmentBytes)) {
      failures.push(
        missing(
          name,
          target,
          here.filter((base) => base.wal.stream === stream),
          desired.configuredAs,
        ),
      )
    }
  }
  const newest = here.at(-1)
  for (const { wal } of all ? here.slice(0, 1).concat(newest ?? []) : here.slice(-1)) {
    failures.push(...(await readThrough(target, desired, wal, streams.get(wal.stream), signal)))
  }
  return failures
}

async function readThrough(
  target: Target,
  owner: Session['desired'],
  base: BaseWal,
  listed: Listed | undefined,
  signal: AbortSignal,
): Promise<Failure[]> {
  const failures: Failure[] = []
  const { segments, partial } = followWal(base, listed ?? { segments: [], partials: [] })
  for (const item of [...segments, ...(partial === undefined ? [] : [partial])]) {
    try {
      const manifest = await readWalManifest(target, owner, base.stream, item)
      // A part is replaced by a longer one at any moment.
      if (manifest) await checkStored(target, `${streamPrefix(owner, base.stream)}${item}/`, manifest.file, signal)
    } catch (error) {
      if (!(error instanceof FailureError)) throw error
      if (item !== partial) failures.push(...error.failures)
    }
  }
  return failures
}

const missing = (name: string, target: Target, bases: readonly Base[], environment: string): Failure => {
  const before = bases.filter(({ wal }) => wal.last < name).map(({ entry }) => entry.number)
  return {
    code: 'wal-missing',
    message: `the WAL file ${name} is missing in ${target.name}`,
    why: `from backup ${before.join(', ')} no time behind it can be restored; a new backup begins anew`,
    next: [`task backup ${environment}`],
  }
}

const lostSlot = (environment: string): Failure => ({
  code: 'wal-lost',
  message: 'the server has thrown away WAL that nobody had received yet',
  why: 'it was more than pointInTime.keepAtMost',
  next: [`task backup ${environment}`],
})

const unread = (environment: string, bytes: number): Failure => ({
  code: 'wal-not-received',
  message: `nobody receives the WAL that the server keeps: ${Math.ceil(bytes / 1e6)} MB so far, and its disk fills up to pointInTime.keepAtMost`,
  next: [`task backup wal start ${environment}`, `task backup wal stop ${environment}`],
})

const tooFarBehind = (environment: string, behind: number | undefined): Failure => ({
  code: 'wal-behind',
  message:
    behind === undefined
      ? `no point in time of ${environment} can be restored, although its policy says so`
      : `the newest point in time that can be restored is ${formatDuration(behind)} ago`,
  next: [`task backup wal status ${environment}`, `task backup ${environment}`],
})
