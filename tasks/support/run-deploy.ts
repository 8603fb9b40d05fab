import { relative, resolve } from 'node:path'
import { findClients } from '../../lib/backup/clients.ts'
import type { Desired } from '../../lib/model/desired.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { type Failure, FailureError, failed, ok, unwrap } from '../../lib/model/failure.ts'
import { parseImage } from '../../lib/model/image-reference.ts'
import type { Snapshot } from '../../lib/model/snapshot.ts'
import { planDeploy } from '../../lib/plan/deploy.ts'
import { planRollback, planStopRelease } from '../../lib/plan/rollback.ts'
import { filesOfRevision } from '../../lib/system/revision-files.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import { withMigrationFindings } from './database-findings.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags, type Work } from './operate.ts'
import { otherPlatform } from './other-platform.ts'
import { reportRelease, since } from './result.ts'
import { openSession, type Session, workspaceFolder } from './session.ts'
import { describeRelease } from './text.ts'

/** The arguments of `task deploy`. */
export type DeployArguments = PlanFlags & {
  readonly environment: string
  readonly services: readonly string[]
  readonly revision?: string | undefined
  /** `service=reference` */
  readonly image?: readonly string[]
  readonly allowDirty: boolean
  readonly platform?: PlatformName | undefined
  readonly resolvePorts?: boolean
}

/** Deploys, and reports the release. */
export async function runDeploy(scope: Scope, context: TaskContext & { args: DeployArguments }) {
  const { args } = context
  const folder = await workspaceFolder(scope, context)
  const elsewhere = await otherPlatform(folder, args, context)
  if (elsewhere) return elsewhere
  const files = await filesOfRevision(folder, args.revision, context.signal)
  const session = await openSession(scope, context, {
    ...(files === undefined ? {} : { files }),
    environment: args.environment,
    platform: args.platform,
    ...(args.resolvePorts
      ? { resolvePorts: { of: 'catalogue' as const, selection: { names: [...args.services] } } }
      : {}),
    needs: args.platform === undefined ? 'environment' : 'planned',
  })
  return deployWith(context, session, args)
}

/** A deploy in an open session; `task resume` uses it too, for the `commit` that was begun and no other. */
export async function deployWith(
  context: TaskContext,
  session: Session,
  args: DeployArguments & { readonly commit?: string },
) {
  const started = performance.now()
  const { desired } = session
  const given = givenImages(args.image ?? [])
  session.requireServices([...args.services, ...Object.keys(given)])
  const result = await operate(context, session, args, {
    purpose: `deploy ${args.revision ?? 'HEAD'}`,
    ...(args.services.length > 0 ? { covers: args.services } : {}),
    prepare: async (signal) => {
      const observed = unwrap(
        await session.platform.observe(desired, {
          source: { allowDirty: args.allowDirty, ...(args.revision === undefined ? {} : { revision: args.revision }) },
          images: Object.values(given),
          signal,
        }),
      )
      const snapshot = withoutPlanFiles(observed, session.folder, [args.plan, args.planOut])
      if (args.commit !== undefined && snapshot.source?.commit !== args.commit) return failed(otherFiles(desired))
      const plan = planDeploy(desired, snapshot, {
        ...(args.services.length > 0 ? { only: [...args.services] } : {}),
        allowDirty: args.allowDirty,
        ...(Object.keys(given).length > 0 ? { images: given } : {}),
        ...(session.writeEnv ? { writeEnv: session.writeEnv } : {}),
        clients: await clientsFor(desired, signal),
        run: session.run,
        by: session.by,
        at: new Date().toISOString(),
      })
      return ok({ plan: withMigrationFindings(plan, desired, snapshot), snapshot, desired })
    },
    goBack: goBack(session),
  })
  return reportRelease(result, session.platform.releases, {
    operation: 'deploy',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => describeRelease(result, desired, `deploy ${desired.environment}`, since(started, view), view),
  })
}

/** The images that were given, by service. Throws `bad-image`. */
function givenImages(image: readonly string[]): Record<string, string> {
  const given: Record<string, string> = {}
  for (const text of image) {
    const [service = '', ...rest] = text.split('=')
    const reference = rest.join('=')
    if (service === '' || service in given || !(parseImage(reference) || isEngineId(reference))) {
      throw new FailureError({
        code: 'bad-image',
        message: service in given ? `--image names ${service} twice` : `--image ${text} is no service with an image`,
        next: ['--image api=registry.example.com/api@sha256:…'],
        outcome: 'usage',
      })
    }
    given[service] = reference
  }
  return given
}

const isEngineId = (text: string): boolean => /^sha256:[0-9a-f]{64}$/.test(text)

/** What a backup before the deploy would be taken with; to look for it takes a moment, so only where there may be one. */
async function clientsFor({ configuration, database }: Desired, signal: AbortSignal): Promise<number[]> {
  const mayBreak = database?.migrations.some(({ effect }) => effect === 'breaking') ?? false
  if (!configuration.deploy.backupFirst && !mayBreak) return []
  return (await findClients(process.env, signal)).map(({ major }) => major)
}

/** The file that an approved plan is kept in may lie within the workspace; it is no change that a release would miss. */
function withoutPlanFiles(snapshot: Snapshot, folder: string, files: readonly (string | undefined)[]): Snapshot {
  if (!snapshot.source) return snapshot
  const own = files.flatMap((file) => (file === undefined ? [] : relative(folder, resolve(file))))
  const dirty = snapshot.source.dirty.filter((path) => !own.includes(path))
  return { ...snapshot, source: { ...snapshot.source, dirty } }
}

const otherFiles = ({ configuredAs }: Desired): Failure => ({
  code: 'other-files',
  message: 'the working tree is not what the unfinished deploy took from it',
  outcome: 'unchanged',
  next: [`task abort ${configuredAs}`, `task deploy ${configuredAs} --allow-dirty`],
})

/** After a failed deploy: towards the current release, or, where there is none, what it started is stopped. */
export const goBack =
  (session: Session): NonNullable<Work['goBack']> =>
  async (_failure, prepared, signal) => {
    const observed = await session.platform.observe(session.desired, { signal })
    if (!observed.ok) return observed
    const { release } = prepared.plan
    if (!release || observed.value.current === undefined) {
      return ok(
        release ? planStopRelease(observed.value, release) : { ...prepared.plan, ops: [], findings: [], notes: [] },
      )
    }
    return ok(planRollback(observed.value, { environment: session.desired.environment, from: release.number }))
  }
