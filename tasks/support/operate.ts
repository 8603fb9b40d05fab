import { runOperation } from '../../lib/execute/operation.ts'
import type { Operation, OperationResult, Prepared } from '../../lib/execute/operation-request.ts'
import { type Failure, FailureError, ok, type Result, unwrap } from '../../lib/model/failure.ts'
import type { Plan } from '../../lib/model/plan.ts'
import type { Handlers, Platform } from '../../lib/model/platform.ts'
import { resourceRules } from '../../lib/model/resources.ts'
import { parsePlanFile, planFileText } from '../../lib/plan/plan-file.ts'
import { keepDraft } from '../../lib/system/env-file.ts'
import { readText, writeFileAtomic } from '../../lib/system/files.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import { withHookFindings } from './hook-findings.ts'
import { runHookHandler } from './run-hook.ts'
import type { Session } from './session.ts'
import { writeEnvHandler } from './write-env.ts'

/** The values of `planArguments`. */
export type PlanFlags = {
  readonly dryRun?: boolean
  readonly planOut?: string | undefined
  readonly plan?: string | undefined
  readonly yes?: boolean
  readonly confirm?: string | undefined
  readonly strict?: boolean
}

/** What a command adds to the way of every operation. */
export type Work = {
  /** Readable for who finds the environment locked: `deploy v1.4`. */
  purpose: string
  /** `shared`: beside others that change nothing of the environment either. */
  lock?: 'exclusive' | 'shared'
  prepare(signal: AbortSignal): Promise<Result<Prepared>>
  beforeExecute?(prepared: Prepared): Promise<void>
  goBack?: NonNullable<Operation['goBack']>
  /** Besides what was typed, for the journal. */
  arguments?: Record<string, unknown>
  /** A failure takes down only what depends on it. */
  resilient?: boolean
  /** The services that it brings up, where that is not all. */
  makesGood?: readonly string[] | undefined
  /** Handlers of kinds of ops that this command alone has. */
  handlers?: Pick<Handlers, 'sync-data'>
  /** Asks for the environment's name as a protected one does. */
  asksForName?: boolean
  /** Closes what a dead run left pending even where nothing is to be done. */
  recovers?: NonNullable<Operation['recovers']>
  /** The services that it is about, where that is not all; empty where it supersedes nothing that a dead run left. */
  covers?: readonly string[] | undefined
  /** The plan's operation, where doing it again makes good what a dead run of the same did. */
  again?: string
}

/** Runs an operation of a session with the flags of its command; writes `--plan-out`, keeps to `--plan`. Ends the session's rendering. */
export async function operate(
  context: TaskContext,
  session: Session,
  flags: PlanFlags,
  work: Work,
): Promise<OperationResult> {
  try {
    return await operateIn(context, session, flags, work)
  } finally {
    await session.finish()
  }
}

async function operateIn(
  context: TaskContext,
  session: Session,
  flags: PlanFlags,
  work: Work,
): Promise<OperationResult> {
  const approved = flags.plan === undefined ? undefined : await readPlan(flags.plan)
  const { desired, platform } = session
  const known = (plan: Plan) => withHookFindings(plan, context.tasks)
  const result = await runOperation(
    {
      run: session.run,
      ops: session.ops,
      environment: desired.environment,
      protected: (desired.configuration.protected && !desired.rehearsal) || work.asksForName === true,
      platform: flags.strict ? strictly(platform) : platform,
      handlers: {
        ...platform.handlers,
        'run-hook': runHookHandler(context),
        'write-env': writeEnvHandler,
        ...work.handlers,
      },
      secrets: session.secrets,
      arguments: { argv: [...context.invocation.argv], ...work.arguments },
      purpose: work.purpose,
      ...(work.lock ? { lock: work.lock } : {}),
      prepare: async (signal) => {
        const prepared = await caught(() => work.prepare(signal))
        return prepared.ok ? ok({ ...prepared.value, plan: known(prepared.value.plan) }) : prepared
      },
      beforeExecute: async (prepared) => {
        await session.keepSecrets()
        await work.beforeExecute?.(prepared)
      },
      ...(work.goBack ? { goBack: knowing(work.goBack, known) } : {}),
      ...(work.recovers ? { recovers: work.recovers } : {}),
      ...(work.covers ? { covers: work.covers } : {}),
      ...(work.again ? { again: work.again } : {}),
      ...(work.resilient ? { resilient: true } : {}),
      ...(work.makesGood ? { makesGood: work.makesGood } : {}),
    },
    {
      dryRun: flags.dryRun === true || flags.planOut !== undefined,
      ...(approved ? { approved } : {}),
      yes: flags.yes === true || context.invocation.yes,
      ...(flags.confirm === undefined ? {} : { confirm: flags.confirm }),
      ...(context.invocation.interactive ? { ask: (question: string) => context.ask(question) } : {}),
      emit: session.emit,
      redact: session.redact,
      signal: context.signal,
    },
  )
  if (flags.planOut !== undefined && result.plan && result.outcome === 'done') {
    if (session.writeEnv) {
      // What it refers to is made up yet: another process must come to the same digests.
      await session.keepSecrets()
      await keepDraft(session.writeEnv.path)
    }
    await writeFileAtomic(flags.planOut, planFileText(result.plan))
  }
  return result
}

const knowing =
  (goBack: NonNullable<Work['goBack']>, known: (plan: Plan) => Plan): NonNullable<Work['goBack']> =>
  async (...given) => {
    const back = await goBack(...given)
    return back.ok ? ok(known(back.value)) : back
  }

/** An expected failure that had to be thrown, as a result again. */
async function caught<T>(make: () => Promise<Result<T>>): Promise<Result<T>> {
  try {
    return await make()
  } catch (error) {
    if (error instanceof FailureError) return { ok: false, failures: error.failures as [Failure, ...Failure[]] }
    throw error
  }
}

async function readPlan(file: string): Promise<Plan> {
  const text = await readText(file)
  if (text !== undefined) return unwrap(parsePlanFile(text, file))
  throw new FailureError({
    code: 'plan-file-missing',
    message: `there is no plan in ${file}`,
    outcome: 'unchanged',
    next: [`the same command with --plan-out ${file} makes one`],
  })
}

/** The platform whose warnings about the resources of its host stop a plan. */
const strictly = (platform: Platform): Platform => ({
  ...platform,
  preflight: async (...given) =>
    (await platform.preflight(...given)).map((finding) =>
      resourceRules.includes(finding.rule) ? { ...finding, severity: 'error' as const } : finding,
    ),
})
