import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { newRunId } from '../../lib/execute/journal.ts'
import { findUnfinished, unfinishedFindings } from '../../lib/execute/recovery.ts'
import { isWithinOperation } from '../../lib/execute/shared.ts'
import { eventInEnvironment } from '../../lib/log/environment-command.ts'
import type { LogEvent } from '../../lib/log/events.ts'
import { createRenderer } from '../../lib/log/index.ts'
import { createRedactor, type Redactor } from '../../lib/log/redact.ts'
import { asTyped, eventAsTyped } from '../../lib/log/typed-command.ts'
import type { Desired } from '../../lib/model/desired.ts'
import { type Failure, FailureError, unwrap } from '../../lib/model/failure.ts'
import { nearest } from '../../lib/model/nearest.ts'
import type { OpOf } from '../../lib/model/op.ts'
import type { Platform, SecretSource } from '../../lib/model/platform.ts'
import type { Probe, ProbeTarget } from '../../lib/model/probe.ts'
import type { ServiceState } from '../../lib/model/snapshot.ts'
import { userName } from '../../lib/system/machine.ts'
import { findWorkspace } from '../../lib/system/workspace-files.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { loadSession, type SessionNeeds } from './load.ts'
import { asHooksSee } from './within.ts'

/** What an operation's task works with: one environment on its platform, and how to talk. */
export type Session = {
  folder: string
  /** The workspace's `.ops` folder. */
  ops: string
  desired: Desired
  platform: Platform
  secrets: SecretSource
  redact: Redactor
  by: string
  run: string
  emit(event: LogEvent): void
  /** Also tells another one of every event. */
  onEvent(listener: (event: LogEvent) => void): void
  /** Ends the rendering of progress. */
  finish(): Promise<void>
  /** The `.env` file that is to be written first, when the session was opened as `planned`. */
  writeEnv?: OpOf<'write-env'>['data']
  /** See `Loaded`. */
  valueFiles?: string[]
  /** See `Loaded`. */
  lookedAt?: string[]
  /** Warnings were said: of the configuration, or of what another run has left. */
  warned: boolean
  /** Makes durable what a plan refers to: the key of digests, and the secrets of a release. */
  keepSecrets(): Promise<void>
  /** A service's probes and what they are run against, as it runs. */
  probesOf(service: string, states: ServiceState[]): Promise<{ probes: Probe[]; target: ProbeTarget }>
  /** Throws a usage failure for names that are no services, all at once, each with the nearest one. */
  requireServices(names: readonly string[], words?: readonly string[]): void
}

/** The workspace's folder: `--workspace` or OPS_WORKSPACE, what the Taskfile says, or upwards from the Taskfile. */
export async function workspaceFolder(scope: Scope, context: TaskContext): Promise<string> {
  const { workspace } = scope
  const said = workspace instanceof URL ? fileURLToPath(workspace) : workspace
  const cwd = said === undefined ? context.workspaceFolder : resolve(context.workspaceFolder, said)
  return unwrap(await findWorkspace({ cwd, env: context.invocation.env }))
}

/** The workspace's `.ops` folder. */
export const opsFolder = async (scope: Scope, context: TaskContext): Promise<string> =>
  join(await workspaceFolder(scope, context), '.ops')

/** Opens the environment that a command's arguments name. */
export const openNamed = (
  scope: Scope,
  context: TaskContext & { args: Pick<SessionNeeds, 'environment' | 'platform'> },
  needs: SessionNeeds['needs'],
): Promise<Session> =>
  openSession(scope, context, { environment: context.args.environment, platform: context.args.platform, needs })

/** Opens an environment: loads what the command needs of the workspace, makes the platform, says what was left unfinished. */
export async function openSession(scope: Scope, context: TaskContext, needs: SessionNeeds): Promise<Session> {
  const folder = await workspaceFolder(scope, context)
  const run = newRunId()
  const loaded = await loadSession(folder, needs, context)
  const { desired, secrets } = loaded
  const platform = asHooksSee(loaded.platform, desired.environment)
  const redact = createRedactor(loaded.redactable)
  // Hooks, and what the command says last, are not the operation's own output.
  for (const secret of loaded.redactable) context.conceal(secret)
  const { invocation } = context
  const renderer = createRenderer({
    // The operation whose hook calls this one redraws the terminal already.
    output: invocation.output === 'live' && isWithinOperation() ? 'plain' : invocation.output,
    color: invocation.color,
    columns: invocation.terminal.columns,
    env: invocation.env,
    write: (text) => invocation.terminal.err(text),
  })
  const listeners: ((event: LogEvent) => void)[] = [
    (event) => renderer.emit(eventAsTyped(eventInEnvironment(event, desired.environment), () => invocation.command)),
  ]
  const ops = join(folder, '.ops')
  for (const warning of loaded.warnings) context.log.warn(warning)
  const hasUnfinished = needs.needs === 'record' && (await sayUnfinished(ops, desired, platform, context))
  return {
    folder,
    ops,
    desired,
    platform,
    secrets,
    redact,
    by: userName(),
    run,
    emit: (event) => {
      for (const listener of listeners) listener(event)
    },
    onEvent: (listener) => listeners.push(listener),
    finish: () => renderer.end(),
    ...(loaded.writeEnv ? { writeEnv: loaded.writeEnv } : {}),
    ...(loaded.valueFiles ? { valueFiles: loaded.valueFiles } : {}),
    ...(loaded.lookedAt ? { lookedAt: loaded.lookedAt } : {}),
    warned: loaded.warnings.length > 0 || hasUnfinished,
    keepSecrets: () => loaded.keepSecrets(),
    probesOf: (service, states) => loaded.probesOf(service, states),
    requireServices: (names, words) => requireServices(desired, names, words),
  }
}

function requireServices(desired: Desired, names: readonly string[], words: readonly string[] = []): void {
  const known = desired.services.map(({ name }) => name)
  const [first, ...more] = names
    .filter((name) => !known.includes(name))
    .map((name): Failure => {
      const close = nearest(name, [...known, ...words])
      // `stop-services dev`: other operations take the environment as a word, those of services take it by a flag.
      const isEnvironment = name === desired.configuredAs
      return {
        code: 'unknown-service',
        message: `${desired.environment} has no service ${name}`,
        ...(close === undefined ? { why: `it has ${known.join(', ')}` } : { nearest: close }),
        ...(isEnvironment ? { next: [`leave ${name} out; -e names an environment: -e ${name}`] } : {}),
        outcome: 'usage',
      }
    })
  if (first) throw new FailureError(first, ...more)
}

/** Commands that only read say what another run left, and what to do about it. Whether there was anything. */
async function sayUnfinished(
  ops: string,
  desired: Desired,
  platform: Platform,
  context: TaskContext,
): Promise<boolean> {
  // Both at once: on an engine each is a command of its own.
  const [holder, all] = await Promise.all([platform.lock.inspect(), platform.releases.list()])
  const { releases: store } = platform
  const releases = { list: async () => all, close: store.close.bind(store) }
  const place = { ops, environment: desired.environment, releases }
  const unfinished = await findUnfinished(place, holder)
  if (!unfinished) return false
  for (const { message, mend } of unfinishedFindings(unfinished)) {
    context.log.warn(`${message}\n  mend: ${asTyped(mend ?? '', context.invocation.command)}`)
  }
  return true
}
