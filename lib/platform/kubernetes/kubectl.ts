import { setTimeout as pause } from 'node:timers/promises'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { type CommandOptions, type CommandResult, commandFailed, runCommand } from '../../system/command.ts'

/** What a call of kubectl may be told. Secrets go through `input`, never through arguments. */
export type KubectlOptions = Omit<CommandOptions, 'env' | 'cwd'>

/** One cluster, driven through kubectl as the user has it: contexts, plugins and credentials work as they do for the user. */
export type Kubectl = {
  /** The whole command, with the context. */
  argv(args: readonly string[]): [string, ...string[]]
  /** Runs `kubectl <args>`. A status other than 0 is a result. Failures: `program-not-found`, `timed-out`, `aborted`. */
  run(args: readonly string[], options?: KubectlOptions): Promise<Result<CommandResult>>
  /** `run`, where a status other than 0 is a failure too: `cluster-unreachable`, `cluster-refused`. */
  checked(args: readonly string[], options?: KubectlOptions): Promise<Result<string>>
  /**
   * `checked` for what may be done again without harm (reading, applying), with its output as JSON; undefined where nothing was found. An
   * API server that refuses for the moment, or a connection that breaks, is tried again twice.
   */
  json<T>(args: readonly string[], options?: KubectlOptions): Promise<Result<T | undefined>>
}

/** How long a call may take that only asks. */
export const askMs = 30_000
/** Pauses before the second and the third attempt. */
const pauses = [300, 1_000]

/** Drives a cluster by a context of the user's kubectl configuration. */
export function kubectlOf({ context }: { context: string }): Kubectl {
  const kubectl: Kubectl = {
    argv: (args) => ['kubectl', '--context', context, ...args],
    run: (args, options) => runCommand(kubectl.argv(args), { timeoutMs: askMs, ...options }),
    async checked(args, options) {
      const result = await kubectl.run(args, options)
      if (!result.ok) return result
      return result.value.status === 0
        ? ok(result.value.stdout)
        : failed(refused(kubectl.argv(args), context, result.value))
    },
    async json<T>(args: readonly string[], options: KubectlOptions = {}) {
      for (let attempt = 0; ; attempt += 1) {
        const text = await kubectl.checked([...args, '-o', 'json'], options)
        if (text.ok) return ok(text.value.trim() === '' ? undefined : (JSON.parse(text.value) as T))
        const wait = pauses[attempt]
        if (wait === undefined || options.signal?.aborted || text.failures[0].code === 'program-not-found') return text
        await pause(wait, undefined, options.signal ? { signal: options.signal } : {}).catch(() => {})
      }
    },
  }
  return kubectl
}

/** Whether nobody answered at all: for the wording alone, nothing is decided by it. */
const isUnreachable = (stderr: string): boolean =>
  /Unable to connect to the server|was refused|context "[^"]*" does not exist|no such host|i\/o timeout|EOF$|connection reset/m.test(
    stderr,
  )

/** The failure of a command that the cluster, or kubectl itself, refused. Its arguments are not in it. */
function refused(argv: readonly [string, ...string[]], context: string, result: CommandResult): Failure {
  const { lines = [], ...rest } = commandFailed(argv, result)
  const said = lines.filter((line) => line.trim() !== '' && !line.startsWith('Warning:'))
  const first = said.find((line) => /^(error|Error)/.test(line)) ?? said.at(-1)
  if (isUnreachable(result.stderr)) {
    return {
      code: 'cluster-unreachable',
      message: `the cluster of the context ${context} does not answer`,
      ...(first !== undefined && { why: first }),
      next: [`kubectl --context ${context} cluster-info`, 'kubectl config get-contexts'],
      outcome: 'unchanged',
    }
  }
  return {
    ...rest,
    code: 'cluster-refused',
    message: first?.replace(/^(error: |Error from server: )/i, '') ?? rest.message,
    ...(said.length > 1 && { lines: said }),
  }
}
