import { setMaxListeners } from 'node:events'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { askCommand } from '../../system/ask-command.ts'
import { type CommandOptions, type CommandResult, commandFailed, runCommand, timedOut } from '../../system/command.ts'
import { aborted } from '../../system/process-start.ts'
import { isDirect, runDirect } from './direct.ts'
import { type EngineHttp, engineHttp } from './engine-http.ts'
import { engineSocket } from './engine-socket.ts'

/** Which engine: an address, a context of the docker command, or (neither) what the docker command takes by itself. */
export type EngineAddress = { host?: string | undefined; context?: string | undefined }

/** What a call of the docker command may be told. */
export type EngineOptions = Omit<CommandOptions, 'env' | 'cwd'> & {
  /** Variables besides those that the docker command needs itself: what Compose fills in. */
  variables?: Record<string, string>
  cwd?: string
}

/**
 * One engine, driven through the docker command as the user has it; what is asked often goes over the engine's Unix socket where it has one, with the same results
 * (direct.ts).
 */
export type Engine = {
  readonly address: EngineAddress
  /** The whole command, with the engine's address. */
  argv(args: readonly string[]): [string, ...string[]]
  /** Its Unix socket, where it is known to have one. */
  readonly socket?: string
  /** Its environment. */
  environment(variables?: Record<string, string>): NodeJS.ProcessEnv
  /** Runs `docker <args>`. A status other than 0 is a result. Failures: `program-not-found`, `timed-out`, `aborted`, `engine-unreachable`. */
  run(args: readonly string[], options?: EngineOptions): Promise<Result<CommandResult>>
  /** `run`, where a status other than 0 is a failure too (`engine-refused`), with what the engine said. */
  checked(args: readonly string[], options?: EngineOptions): Promise<Result<string>>
  /** `checked`, for commands that print one JSON document a line (`--format '{{json .}}'`) or an array (`inspect`). */
  json<T>(args: readonly string[], options?: EngineOptions): Promise<Result<T[]>>
}

/** How long a call may take that only asks. */
export const askMs = 30_000

/** Of the user's environment what the docker command, its plugins and ssh need. */
const inherited =
  /^(PATH|HOME|USER|LOGNAME|TMPDIR|LANG|LC_.*|DOCKER_.*|COMPOSE_EXPERIMENTAL|BUILDX_.*|SSH_.*|XDG_.*|.*_proxy|.*_PROXY|SSL_CERT_.*)$/

/** Drives an engine. An address or context of the environment goes before DOCKER_HOST and the current context. */
export function dockerEngine(address: EngineAddress, env: NodeJS.ProcessEnv = process.env): Engine {
  const where =
    address.host !== undefined
      ? ['--host', address.host]
      : address.context !== undefined
        ? ['--context', address.context]
        : []
  const base = Object.fromEntries(Object.entries(env).filter(([name]) => inherited.test(name)))
  const socket = engineSocket(address, base)
  let http: EngineHttp | undefined
  const engine: Engine = {
    address,
    ...(socket !== undefined && { socket }),
    argv: (args) => ['docker', ...where, ...args],
    environment: (variables = {}) => ({ ...variables, ...base }),
    async run(args, { variables, ...options } = {}) {
      const given = { timeoutMs: askMs, ...options, env: engine.environment(variables) }
      if (socket !== undefined && isDirect(args)) {
        http ??= engineHttp(socket)
        const direct = await inTime(http, args, given)
        if (direct) return direct
      }
      const result = await (isQuestion(args) ? askCommand : runCommand)(engine.argv(args), given)
      if (!result.ok || result.value.status === 0 || !isUnreachable(result.value.stderr)) return result
      return failed(unreachable(address, result.value.stderr))
    },
    async checked(args, options) {
      const result = await engine.run(args, options)
      if (!result.ok) return result
      const { status, stdout } = result.value
      return status === 0 ? ok(stdout) : failed(refused(engine.argv(args), result.value))
    },
    async json<T>(args: readonly string[], options?: EngineOptions) {
      const text = await engine.checked(args, options)
      return text.ok ? ok(documents<T>(text.value)) : text
    },
  }
  return engine
}

/** What a docker command does, done without it within its time; undefined where it has to be run. Failures: `timed-out`, `aborted`. */
async function inTime(
  http: EngineHttp,
  args: readonly string[],
  { timeoutMs, signal, input }: { timeoutMs: number } & Pick<CommandOptions, 'signal' | 'input'>,
): Promise<Result<CommandResult> | undefined> {
  const timeout = AbortSignal.timeout(timeoutMs)
  const either = signal ? AbortSignal.any([signal, timeout]) : timeout
  // One for each container that is asked for.
  setMaxListeners(0, either)
  try {
    const done = await runDirect(http, args, { input, signal: either })
    return done && ok(done)
  } catch {
    return failed(timeout.aborted ? timedOut('docker', timeoutMs) : aborted('docker'))
  }
}

const questions =
  /^(ps|info|version|inspect|(container|image|volume|network|context) inspect|(image|volume|network) ls|cp \S+ -)( |$)/

/** Whether a command only asks the engine. */
const isQuestion = (args: readonly string[]): boolean => questions.test(args.join(' '))

/** The documents of an output: one array, or one document a line. */
export function documents<T>(text: string): T[] {
  const trimmed = text.trim()
  if (trimmed === '') return []
  if (trimmed.startsWith('[')) return JSON.parse(trimmed) as T[]
  return trimmed.split('\n').map((line) => JSON.parse(line) as T)
}

/** Whether the docker command says that nobody answers: its one message that is the same for every command and transport. */
const isUnreachable = (stderr: string): boolean =>
  /cannot connect to the docker daemon|error during connect|failed to connect to the docker API|context "[^"]*" (does not exist|not found)|connection refused|ssh: |command \[ssh/i.test(
    stderr,
  )

function unreachable(address: EngineAddress, stderr: string): Failure {
  const { host, context } = address
  const where = host ?? (context === undefined ? undefined : `context ${context}`)
  return {
    code: 'engine-unreachable',
    message: `the Docker engine${where === undefined ? '' : ` (${where})`} does not answer`,
    why: stderr.trim().split('\n').at(-1) ?? '',
    next: [
      ['docker', ...(host ? ['--host', host] : context ? ['--context', context] : []), 'info'].join(' '),
      'docker context ls',
    ],
    outcome: 'unchanged',
  }
}

/** The failure of a docker command that was refused; its arguments are not in it. */
function refused(argv: readonly [string, ...string[]], result: CommandResult): Failure {
  const { lines = [], ...rest } = commandFailed(argv, result)
  const said = lines.filter((line) => line.trim() !== '').at(-1)
  return { ...rest, code: 'engine-refused', message: said ?? rest.message, ...(lines.length > 1 && { lines }) }
}
