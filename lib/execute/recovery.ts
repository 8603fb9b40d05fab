import type { Finding } from '../model/finding.ts'
import type { Holder, ReleaseStore } from '../model/platform.ts'
import type { Release } from '../model/release.ts'
import type { Settlement } from './run-record.ts'
import { type Run, settleRun, unfinishedRuns } from './runs.ts'

/** What dead runs left in an environment: by their journals, and by the releases that nobody will close. */
export type Unfinished = {
  environment: string
  /** Oldest first. Empty when their disk is gone, or another clone's. */
  runs: Run[]
  /** Pending releases of dead runs, oldest first. */
  releases: Release[]
  /** The newest release that such a run has found healthy, and then could not write down to be the current one. */
  healthy?: Release
}

/** Where to look. */
export type RecoveryPlace = {
  /** The workspace's `.ops` folder. */
  ops: string
  environment: string
  releases: Pick<ReleaseStore, 'list' | 'close'>
}

/**
 * What is unfinished in an environment; undefined when nothing is. Read-only. `holder` is who holds the lock now (`lock.inspect()`, or
 * this run's own lease): its run is at work, all others with something open are dead.
 */
export async function findUnfinished(
  place: Omit<RecoveryPlace, 'releases'> & { releases: Pick<ReleaseStore, 'list'> },
  holder: Holder | undefined,
): Promise<Unfinished | undefined> {
  const all = await place.releases.list()
  const pending = all.filter(({ outcome }) => outcome === 'pending')
  const releases = pending.filter(({ run }) => run !== holder?.run)
  const open = new Set(pending.map(({ number }) => number))
  const runs = await unfinishedRuns(place.ops, place.environment, holder, open)
  if (runs.length + releases.length === 0) return undefined
  const opened = new Set(runs.flatMap(({ openReleases }) => openReleases))
  const healthy = all.findLast(({ number, outcome, left }) => outcome === 'healthy' && !left && opened.has(number))
  return { environment: place.environment, runs, releases, ...(healthy ? { healthy } : {}) }
}

/**
 * The release that unfinished work is about: the newest pending one, else one that a dead run had found healthy, else the one that the
 * last dead run had opened and closed as failed before it had gone back. Undefined when it is about none.
 */
export async function leftRelease(
  unfinished: Unfinished | undefined,
  releases: Pick<ReleaseStore, 'list'>,
): Promise<Release | undefined> {
  if (!unfinished) return undefined
  const pending = unfinished.releases.at(-1)
  if (pending) return pending
  if (unfinished.healthy) return unfinished.healthy
  const runs = new Set(unfinished.runs.map(({ run }) => run))
  return (await releases.list()).findLast(({ run, outcome }) => outcome === 'failed' && runs.has(run))
}

/**
 * Parts what dead runs left into what an operation supersedes and what it leaves to others. One about all services (`covers` is undefined)
 * supersedes everything; one about some only what was about no others. One that is `again` what a dead run did, whole or not at all, supersedes that too; and one that brings up all
 * that a resilient one had left (`makesGood`) supersedes that.
 */
export function partByCover(
  unfinished: Unfinished | undefined,
  covers: readonly string[] | undefined,
  again?: string,
  makesGood: readonly string[] = [],
): { mine?: Unfinished; others?: Unfinished } {
  if (!unfinished) return {}
  if (covers === undefined) return { mine: unfinished }
  const isMine = ({ only }: Release) => only?.every((service) => covers.includes(service)) ?? false
  const numbers = new Set(unfinished.releases.filter(isMine).map(({ number }) => number))
  const isMyRun = ({ openReleases, header, left }: Run) =>
    openReleases.length === 0
      ? (again !== undefined && header?.operation === again) || (left?.every((one) => makesGood.includes(one)) ?? false)
      : openReleases.every((one) => numbers.has(one))
  const part = (wanted: boolean) => {
    const releases = unfinished.releases.filter((release) => isMine(release) === wanted)
    const runs = unfinished.runs.filter((run) => isMyRun(run) === wanted)
    if (releases.length + runs.length === 0) return undefined
    const { environment, healthy } = unfinished
    const isHere = healthy && runs.some(({ openReleases }) => openReleases.includes(healthy.number))
    return { environment, releases, runs, ...(isHere ? { healthy } : {}) }
  }
  const [mine, others] = [part(true), part(false)]
  return { ...(mine ? { mine } : {}), ...(others ? { others } : {}) }
}

/** What of it are resilient runs that could not bring up all: a later one of them answers for the rest. */
export function leftInPart({ runs, environment }: Unfinished): Unfinished | undefined {
  const partial = runs.filter(({ left, openReleases }) => left !== undefined && openReleases.length === 0)
  return partial.length > 0 ? { environment, runs: partial, releases: [] } : undefined
}

/** The newest dead run that was not called by another one's hook. */
export const lastRun = ({ runs }: Unfinished): Run | undefined =>
  runs.findLast(({ header }) => header?.within === undefined) ?? runs.at(-1)

/**
 * Says of each dead run what it was and when it ended, and of each open release without a journal that it is open, as warnings. One for
 * each run or release.
 */
export function unfinishedFindings(unfinished: Unfinished): Finding[] {
  const mend = nextCommands(unfinished).join(', or ')
  const told = new Set(unfinished.runs.flatMap((run) => run.openReleases))
  const texts = [
    ...unfinished.runs.map((run) => headline(run, unfinished)),
    ...unfinished.releases
      .filter(({ number }) => !told.has(number))
      .map(({ number, revision, by }) => `release ${number} (${revision}), begun by ${by}, was not finished`),
  ]
  return texts.map((message) => ({ rule: 'unfinished-run', severity: 'warning', message, mend }))
}

/** What a person can type about it: an open deploy is finished or gone back from, everything else is done again. */
export function nextCommands({ environment, runs, releases, healthy }: Unfinished): string[] {
  if (releases.length > 0) {
    return [command('resume', environment), command('abort', environment)]
  }
  if (healthy) return [command('resume', environment)]
  const last = lastRun({ environment, runs, releases })
  if (last?.left) return [command('resume', environment)]
  const { operation = 'setup', arguments: given } = last?.header ?? {}
  // An environment alone does not say what these are about: they are typed as they were.
  const argv = /^(data|query) /.test(operation) ? given?.argv : undefined
  if (Array.isArray(argv)) return [['task', ...argv.map(shellWord)].join(' ')]
  // Its release is closed as failed, and it was going back.
  return [command(operation === 'deploy' ? 'abort' : operation, environment)]
}

/** A word as a shell takes it. */
const shellWord = (word: unknown): string =>
  /^[\w@%+=:,./-]+$/.test(String(word)) ? String(word) : `'${String(word).replaceAll("'", "'\\''")}'`

/** An operation as it is typed for an environment: `task services up -e dev`, `task deploy production --platform local`. */
export function command(operation: string, environment: string): string {
  const [name, platform] = environment.split('@')
  const where = operation.startsWith('services') ? `-e ${name}` : name
  return `task ${operation} ${where}${platform === undefined ? '' : ` --platform ${platform}`}`
}

/** Whose children and sessions are to be ended before planning: holders that were taken over, and dead runs by their journals. */
export function leftovers(takenFrom: readonly Holder[], unfinished: Unfinished | undefined): Holder[] {
  const holders = new Map(takenFrom.map((holder) => [holder.run, holder]))
  for (const { header, started } of unfinished?.runs ?? []) {
    if (!header || holders.has(header.run)) continue
    const { run, user, host, process, operation } = header
    holders.set(run, { run, user, host, pid: process.pid, purpose: operation, since: started ?? '' })
  }
  return [...holders.values()]
}

/**
 * Marks what dead runs left as dealt with by run `by`; the caller holds the lock. `superseded` and `aborted` close their pending
 * releases as failed, `resumed` leaves them open, since that run goes on with them.
 */
export async function settle(
  place: RecoveryPlace,
  unfinished: Unfinished,
  by: string,
  how: Settlement['how'],
): Promise<void> {
  if (how !== 'resumed') {
    const cause = how === 'superseded' ? `not finished; superseded by run ${by}` : `not finished; aborted by run ${by}`
    const present = new Set((await place.releases.list()).map(({ number }) => number))
    for (const { number } of unfinished.releases.filter((release) => present.has(release.number))) {
      await place.releases.close(number, { outcome: 'failed', ended: new Date().toISOString(), cause })
    }
  }
  for (const run of unfinished.runs) await settleRun(place.ops, run, by, how)
}

function headline(run: Run, unfinished: Unfinished): string {
  const { header, entries } = run
  const by = header ? ` by ${header.user}@${header.host}` : ''
  const known = [...unfinished.releases, ...(unfinished.healthy ? [unfinished.healthy] : [])]
  const releases = known.filter(({ number }) => run.openReleases.includes(number))
  const what = releases.map(({ number, revision }) => ` of release ${number} (${revision})`).join('')
  const left = run.left ? `left ${run.left.join(', ')} undone` : 'left work'
  const end = run.state === 'ended' ? left : 'ended without a word'
  const at = entries.at(-1)?.at
  return `${header?.operation ?? 'a run'} ${unfinished.environment}${what}${by} (run ${run.run}) ${end}${at ? `, last heard of at ${at}` : ''}`
}
