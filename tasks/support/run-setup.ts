import { asTyped } from '../../lib/log/typed-command.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { type Failure, FailureError, failed, ok, unwrap } from '../../lib/model/failure.ts'
import { isEmpty } from '../../lib/model/plan.ts'
import { planClusterSetup } from '../../lib/plan/kubernetes/setup/index.ts'
import { planSetup } from '../../lib/plan/setup.ts'
import { checkRequirements } from '../../lib/platform/requirements.ts'
import { checkWorkspace } from '../../lib/system/workspace-files.ts'
import { type Finished, finish, type TaskContext, type View } from '../../lib/task/definition.ts'
import { withMigrationFindings } from './database-findings.ts'
import type { Scope } from './flags.ts'
import { operate, type PlanFlags } from './operate.ts'
import { otherPlatform, platformRequirements } from './other-platform.ts'
import { type OperationData, type Report, reportOperation, since } from './result.ts'
import { openSession, workspaceFolder } from './session.ts'
import { statusTable } from './status-table.ts'
import { nextCommands, requirementsTable, type Step, stepTimes } from './text.ts'

/** The arguments of `task setup`. */
export type SetupArguments = PlanFlags & {
  readonly target: string
  readonly platform?: PlatformName | undefined
  readonly resolvePorts?: boolean
}
type Context = TaskContext & { args: SetupArguments }

/** `task setup dev`, `task setup k8s`, `task setup all`. */
export async function runSetup(scope: Scope, context: Context) {
  if (context.args.target === 'k8s') return setupClusters(scope, context)
  if (context.args.target !== 'all') return setupEnvironment(scope, context, context.args.target)
  await setupTools(scope, context, ['docker', 'kubernetes'])
  return setupEnvironment(scope, context, 'dev')
}

/** What can be done for a platform that another machine runs: its tools, contexts and configuration are checked and said. */
async function setupTools(scope: Scope, context: Context, platforms: PlatformName[]) {
  const folder = await workspaceFolder(scope, context)
  const rows = await platformRequirements(folder, platforms, context.signal)
  const missing = rows.filter(({ found }) => !found)
  const text = (view: View) =>
    `${requirementsTable(rows, view)}${
      missing.length === 0 ? 'all there' : `${missing.length} missing: see the last column`
    }\n\`--platform local\` rehearses any environment on this machine\n`
  const { terminal, color } = context.invocation
  if (context.args.target === 'all')
    terminal.err(text({ color, columns: terminal.columns, isTerminal: terminal.errIsTerminal === true }))
  return finish(missing.length === 0 ? 'done' : 'unchanged', { requirements: rows, text })
}

/** What environments need on their clusters: requirements first, then a plan for each. */
async function setupClusters(scope: Scope, context: Context) {
  const { args } = context
  const folder = await workspaceFolder(scope, context)
  const tools = await setupTools(scope, context, ['kubernetes'])
  const { requirements } = tools.result
  if (requirements.some(({ found }) => !found)) return tools
  const { workspace } = unwrap(await checkWorkspace(folder))
  const names = [...(workspace?.environments.values() ?? [])]
    .filter(({ configuration }) => configuration.platform === 'kubernetes')
    .map(({ configuration }) => configuration.name)
  const reports: Finished<Report<OperationData>>[] = []
  for (const environment of names) {
    const started = performance.now()
    const session = await openSession(scope, context, { environment, needs: 'environment' })
    const { desired, platform } = session
    const result = await operate(context, session, args, {
      purpose: 'setup k8s',
      covers: [],
      prepare: async (signal) => {
        const setup = unwrap((await platform.setup?.(desired, signal)) ?? failed(noSetup(environment)))
        const snapshot = unwrap(await platform.observe(desired, { signal }))
        return ok({ plan: planClusterSetup(desired.environment, setup), snapshot, desired })
      },
    })
    const report = reportOperation(result, {
      operation: 'setup',
      environment,
      dryRun: args.dryRun === true,
      text: (view) =>
        result.outcome === 'done' && !args.dryRun && result.plan
          ? `${environment}: ${isEmpty(result.plan) ? 'everything is as it should be; nothing was changed' : `ready ${since(started, view)}`}\n`
          : '',
    })
    reports.push(report)
    if (report.outcome !== 'done') break
  }
  const last = reports.at(-1)
  return finish(
    last?.outcome ?? 'done',
    {
      requirements,
      environments: reports.map(({ result }) => result),
      text: (view: View) =>
        [tools.result, ...reports.map(({ result }) => result)].map(({ text }) => text(view)).join(''),
    },
    last?.failures,
  )
}

async function setupEnvironment(scope: Scope, context: Context, environment: string) {
  const { args } = context
  const started = performance.now()
  const folder = await workspaceFolder(scope, context)
  const elsewhere = await otherPlatform(folder, { environment, platform: args.platform }, context)
  if (elsewhere) return elsewhere
  await requireTools(folder, context)
  const session = await openSession(scope, context, {
    environment,
    platform: args.platform,
    needs: 'planned',
    ...(args.resolvePorts ? { resolvePorts: { of: 'current-release' as const } } : {}),
  })
  const { desired } = session
  const steps: Step[] = []
  session.onEvent((event) => {
    if (event.type === 'op-ended' && event.end === 'done') steps.push({ step: event.op, durationMs: event.durationMs })
  })
  const result = await operate(context, session, args, {
    purpose: `setup ${desired.environment}`,
    prepare: async (signal) => {
      const snapshot = unwrap(await session.platform.observe(desired, { source: { allowDirty: true }, signal }))
      const plan = planSetup(desired, snapshot, session.writeEnv ? { writeEnv: session.writeEnv } : {})
      return ok({ plan: withMigrationFindings(plan, desired, snapshot), snapshot, desired })
    },
  })
  if (!args.dryRun && result.outcome === 'done' && result.plan) {
    await (await import('./current-schema.ts')).keepCurrentSchema(result.plan, session, context)
  }
  const states = result.outcome === 'done' && !args.dryRun ? await session.platform.status(context.signal) : []
  const {
    failures,
    outcome,
    result: data,
  } = reportOperation(result, {
    operation: 'setup',
    environment: desired.environment,
    dryRun: args.dryRun === true,
    text: (view) => {
      if (result.outcome !== 'done' || args.dryRun || !result.plan) return ''
      const nothing = isEmpty(result.plan)
        ? 'everything is as it should be; nothing was changed'
        : `ready ${since(started, view)}`
      return [
        `${desired.workspace.name} ${desired.environment}: ${nothing}`,
        ...(steps.length === 0 ? [] : [stepTimes(steps, view)]),
        statusTable(states, desired, view),
        ...result.plan.notes.slice(1).map((note) => asTyped(note, context.invocation.command)),
        `next: ${nextCommands(desired).join('\n      ')}`,
        '',
      ].join('\n')
    },
  })
  return finish(outcome, { ...data, steps }, failures)

  async function requireTools(at: string, { invocation, signal }: Context): Promise<void> {
    const rows = await checkRequirements(['local'], { folder: at, signal })
    const { terminal, color } = invocation
    terminal.err(
      `${requirementsTable(rows, { color, columns: terminal.columns, isTerminal: terminal.errIsTerminal === true })}\n`,
    )
    // git is for deploys; a machine with Node and nothing else is set up all the same.
    const missing = rows.filter(({ found, what }) => !found && !what.startsWith('git'))
    const [first, ...more] = missing.map(({ what, mend }) => ({
      code: 'requirement-missing',
      message: `${what} is missing`,
      outcome: 'unchanged' as const,
      ...(mend === undefined ? {} : { next: [mend] }),
    }))
    if (first) throw new FailureError(first, ...more)
  }
}

const noSetup = (environment: string): Failure => ({
  code: 'nothing-to-set-up',
  message: `${environment} runs on a platform on which nothing is set up beforehand`,
  outcome: 'unchanged',
})
