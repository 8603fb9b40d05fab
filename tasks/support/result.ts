import type { OperationResult } from '../../lib/execute/operation-request.ts'
import type { Partly } from '../../lib/execute/partly.ts'
import { findingInEnvironment } from '../../lib/log/environment-command.ts'
import { formatDuration } from '../../lib/model/duration.ts'
import { type Failure, FailureError } from '../../lib/model/failure.ts'
import type { Finding } from '../../lib/model/finding.ts'
import { isEmpty } from '../../lib/model/plan.ts'
import type { ReleaseStore } from '../../lib/model/platform.ts'
import type { Release } from '../../lib/model/release.ts'
import { planDigest } from '../../lib/plan/digest.ts'
import { type Finished, finish, type View } from '../../lib/task/definition.ts'

/** What an operation's task returns: data for `--json`, and their text for people. */
export type Report<Data> = Data & { text(view: View): string }

/** The data of a planned operation. */
export type OperationData = {
  operation: string
  environment: string
  run?: string
  release?: number
  rolledBackTo?: number
  digest?: string
  /** Whether anything was to be done. */
  changed: boolean
  dryRun: boolean
  ops: { id: string; kind: string; cause: string; changes: boolean; after: string[] }[]
  findings: Finding[]
  /** What became of each service, where a failure did not end everything. */
  partly?: Partly
}

/** The release that an environment runs. */
export type CurrentRelease = Pick<Release, 'number' | 'revision' | 'commit' | 'outcome' | 'created' | 'by'> & {
  services: string[]
}

/** The data of an operation that decides which release is current. */
export type ReleaseData = OperationData & {
  /** The release that is current when the operation has ended, also where nothing was to be done; absent before the first one. */
  current?: CurrentRelease
}

/** A finding that stops a plan, as a failure: same words, same place, its mend as what to type next. */
export const findingFailure = (finding: Finding): Failure => ({
  code: finding.rule,
  message: finding.message,
  outcome: 'unchanged',
  ...(finding.place ? { place: finding.place } : {}),
  ...(finding.service ? { service: finding.service } : {}),
  ...(finding.mend ? { next: [finding.mend] } : {}),
})

/** Turns how an operation ended into a task's result: the outcome sets the exit code. */
export function reportOperation(
  result: OperationResult,
  given: { operation: string; environment: string; dryRun: boolean; text(view: View): string },
): Finished<Report<OperationData>> {
  const { plan } = result
  const findings = result.findings.map((finding) => findingInEnvironment(finding, given.environment))
  const errors = findings.filter((finding) => finding.severity === 'error')
  const data: Report<OperationData> = {
    operation: given.operation,
    environment: given.environment,
    ...(result.run ? { run: result.run } : {}),
    ...(result.release === undefined ? {} : { release: result.release }),
    ...(result.rolledBackTo === undefined ? {} : { rolledBackTo: result.rolledBackTo }),
    ...(plan ? { digest: planDigest(plan) } : {}),
    changed: plan !== undefined && !isEmpty(plan) && !given.dryRun,
    dryRun: given.dryRun,
    ops: (plan?.ops ?? []).map(({ id, kind, cause, changes, after }) => ({ id, kind, cause, changes, after })),
    findings,
    ...(result.partly ? { partly: result.partly } : {}),
    text: given.text,
  }
  return finish(result.outcome, data, [...result.failures, ...errors.map(findingFailure)])
}

/** The same for an operation on releases, with the one that is current now. */
export async function reportRelease(
  result: OperationResult,
  releases: Pick<ReleaseStore, 'list' | 'current'>,
  given: { operation: string; environment: string; dryRun: boolean; text(view: View): string },
): Promise<Finished<Report<ReleaseData>>> {
  const { outcome, result: data, failures } = reportOperation(result, given)
  const release = await currentOf(releases)
  return finish(outcome, { ...data, ...(release ? { current: described(release) } : {}) }, failures)
}

/** The current release; undefined where there is none, or where the platform does not answer any more: how the operation ended is to be told first. */
async function currentOf(releases: Pick<ReleaseStore, 'list' | 'current'>): Promise<Release | undefined> {
  try {
    const [number, all] = await Promise.all([releases.current(), releases.list()])
    return all.find((one) => one.number === number)
  } catch (error) {
    if (!(error instanceof FailureError)) throw error
    return undefined
  }
}

const described = ({ number, revision, commit, outcome, created, by, services }: Release): CurrentRelease => ({
  ...{ number, revision, commit, outcome, created, by },
  services: services.map(({ service }) => service),
})

/** `in 3.2s`: what the task's own last line says, else since a moment of `performance.now()`. */
export const since = (started: number, { tookMs }: View): string =>
  `in ${formatDuration(tookMs ?? performance.now() - started)}`
