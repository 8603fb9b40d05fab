/*
 * A task is a value: `export const build = task({ … })` in a Taskfile, or in the plugin set `vital-ops/operations`.
 *
 *   export const deploy = task({
 *     description: 'Deploy an environment',
 *     args: { environment: text().positional(), dryRun: flag().describe('show the plan and stop') },
 *     async run({ args, signal, invocation }) {
 *       const release = await …
 *       return finish('rolledBack', { release })   // a result that is not `done`; a plain `return value` means done
 *     },
 *     render: (result, { color, columns }) => `release ${result.release}\n`,
 *   })
 *
 *   export const services = task({ description: 'Services', commands: { up: task(…), down: task(…) } })   // `task services up api`
 *
 * How a task ends, and what `task` prints and exits with:
 *
 *   returns a value               exit 0. `--json`: {"task","outcome":"done","exitCode":0,"result"}; else render(result), if any
 *   returns finish(outcome, r)    the outcome's exit code (lib/model/outcome.ts), result printed in the same way
 *   throws FailureError           the outcome of its failures; their text on stderr, or "failures" in the JSON
 *   throws a command's error      the command's exit status; death by signal n is 128 + n. From `$`, zx or execa
 *   throws anything else          exit 1, with the place in the Taskfile
 *
 * stdout carries render(result) or the JSON alone; everything else (log, step, terminal.err) goes to stderr. The output of commands started by `$`
 * keeps its stream, but goes to stderr where JSON is asked for: by `task --json name …`, or by an argument `json: flag()` of the task's own.
 *
 * As a need, or called by `run(other, args)`, a task that does not end `done` rejects: with its FailureError, or with an
 * OutcomeError that carries the outcome and the result.
 */
import { FailureError, type Place } from '../model/failure.ts'
import type { Secret } from '../model/secret.ts'
import { type ArgumentInput, type Arguments, type ArgumentValues, kebabCase } from './arguments.ts'
import type { Unfinished } from './finish.ts'
import type { Invocation } from './invocation.ts'
import type { CallOptions, TaskOptions } from './options.ts'
import { CallerPlace } from './place.ts'
import type { Shell } from './shell.ts'

export { Finished, finish, isFinished, OutcomeError, type Unfinished } from './finish.ts'

const brand = Symbol.for('vital-ops.task')
const folderOfFile = Symbol.for('vital-ops.folder')

/** What a task says while it works. Goes to stderr, behind the task's name when several run. */
export interface TaskLog {
  (message: string): void
  warn(message: string): void
  error(message: string): void
}

/** The tasks of the Taskfile by name, for a task that is told names (a hook). */
export interface TaskTable {
  /** The names as `task --list` shows them, hidden ones included. */
  readonly names: readonly string[]
  /** The task of that name or alias, `services up` for a command within a task; undefined when there is none. */
  find(name: string): Task | undefined
}

/** What `run` of a task is given. */
export type TaskContext<Args extends Arguments = Arguments, Needed extends Needs = Needs> = {
  /** The name under which it runs: `build`, `db:migrate`, `services up`. */
  readonly name: string
  readonly args: ArgumentValues<Args>
  /** What the needed tasks returned. */
  readonly needs: NeedResults<Needed>
  /** Starts commands: in the Taskfile's folder, ended with the task, arguments never a shell string. Compatible with zx's. */
  readonly $: Shell
  readonly log: TaskLog
  /** Shows a part of the work with its duration; gives what `work` gives. */
  step<Value>(title: string, work: () => Value | Promise<Value>): Promise<Value>
  /** Aborts when the task is to end: a signal, its timeout, or a failed sibling. */
  readonly signal: AbortSignal
  /** The environment of its commands: the process's, `dotenv` and `environment`. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** 1, and with `retry` counting up. */
  readonly attempt: number
  /** Runs another task, or takes its result if it ran with these arguments in this invocation. */
  run<Other extends Task>(other: Other, ...input: [...InputOf<Other>, options?: CallOptions]): Promise<ResultOf<Other>>
  readonly tasks: TaskTable
  /** The folder of the task's Taskfile; of an included one its own. */
  readonly workspaceFolder: string
  readonly invocation: Invocation
  /** Keeps a value, in every form, out of what this invocation prints from now on. */
  conceal(secret: Secret): void
  /** Asks on the terminal and gives the answer without its line break; fails with `unchanged` when there is nobody to ask. */
  ask(question: string): Promise<string>
}

/** How a result is to look. What is not for a terminal (`isTerminal: false`) needs not to fit its columns. `tookMs`: how long its task took. */
export type View = Readonly<{ color: boolean; columns: number; isTerminal?: boolean; tookMs?: number }>

/**
 * A need whose failure is no failure of who needs it: `needs: { report: optional(report) }`. Its result is `undefined` then.
 */
export const optional = <T extends Task | BoundTask>(need: T): BoundTask<ResultOf<T> | undefined> =>
  ({
    ...(isTask(need) ? { task: need, input: {} } : (need as BoundTask)),
    optional: true,
  }) as BoundTask<ResultOf<T> | undefined>

/** What both kinds of tasks say of themselves. */
type Description = {
  /** One line for `task --list`; further lines for the task's own help. */
  readonly description?: string
  /** The heading under which `task --list` shows it. */
  readonly group?: string
  /** Not in lists; still runs by its name. */
  readonly hidden?: boolean
  readonly aliases?: readonly string[]
}

/** A task's definition. */
export type TaskDefinition<Args extends Arguments, Needed extends Needs, Returned> = Description &
  TaskOptions<ArgumentValues<Args>> & {
    readonly args?: Args
    /** Tasks that run before this one, at the same time where they can; `needs.<name>` is what they return. */
    readonly needs?: Needed
    /** Tasks that run after this one, however it and its needs end: also after a failure and an interruption. */
    readonly finally?: Needs
    /** Patterns of the files that the task reads (`!` excludes), and that it writes; relative to the Taskfile's folder. */
    readonly inputs?: readonly string[]
    readonly outputs?: readonly string[]
    /** Names of the environment variables that change what the task does. */
    readonly env?: readonly string[]
    /** A question that is asked before anything runs, needs included; `false` asks nothing. */
    readonly confirm?: string | ((context: { args: ArgumentValues<Args> }) => string | false)
    run(context: TaskContext<Args, Needed>): Returned | Promise<Returned>
    /** The text of a result on stdout, where no JSON is asked for. */
    render?(result: Unfinished<Returned>, view: View): string
  }

type Skippable<Args extends Arguments> = Required<
  Pick<TaskOptions<ArgumentValues<Args>>, 'when'> | Pick<TaskOptions<ArgumentValues<Args>>, 'platforms'>
>

/** The definition of a task that only has commands: `task services up`. */
export type CommandsDefinition<Commands extends Readonly<Record<string, Task>>> = Description & {
  readonly commands: Commands
  /** The command that runs when none is named. */
  readonly defaultCommand?: keyof Commands & string
}

/** A task whose type of arguments and result is not known. */
// biome-ignore lint/suspicious/noExplicitAny: stands for the definitions of all tasks, whose parameters differ
export type AnyDefinition = TaskDefinition<any, any, any>

/** A task. `Input` is what `run(task, input)` takes. */
// biome-ignore lint/suspicious/noExplicitAny: a default that any task is assignable to
export interface Task<Input = any, Result = any> {
  readonly definition: AnyDefinition
  /** The commands within it, in their order; empty for most. */
  readonly commands: Readonly<Record<string, Task>>
  readonly defaultCommand?: string
  /** Where it was defined. */
  readonly place: Place | undefined
  /** The folder in which it works: that of its own Taskfile, when another one includes it; undefined for the one that is run. */
  readonly folder?: string
  /** This task with arguments, for `needs: { image: build.with({ target: 'image' }) }`. */
  with(input: Input): BoundTask<Result>
  readonly types?: { input: Input; result: Result }
}

/** A task with its arguments. `optional`: made by `optional`. */
export type BoundTask<Result = unknown> = {
  readonly task: Task
  readonly input: unknown
  readonly optional?: boolean
  readonly types?: Result
}

/** The tasks that a task needs. */
export type Needs = Readonly<Record<string, Task | BoundTask>>
/** What a task or a bound task returns. */
export type ResultOf<T> = T extends Task<infer _, infer R> ? R : T extends BoundTask<infer R> ? R : never
/** `needs` in `run`. */
export type NeedResults<Needed extends Needs> = { readonly [Name in keyof Needed]: ResultOf<Needed[Name]> }
/** The second parameter of `run(task, input)`: may be left out when no argument is required. */
export type InputOf<T> =
  T extends Task<infer Input, infer _> ? (Record<never, never> extends Input ? [input?: Input] : [input: Input]) : never

/** Defines a task that only has commands. */
export function task<const Commands extends Readonly<Record<string, Task>>>(
  definition: CommandsDefinition<Commands>,
): Task<Record<never, never>, unknown> & { readonly commands: Commands }
/** Defines a task that may be skipped; who needs it gets `undefined` then. */
export function task<
  Args extends Arguments = Record<never, never>,
  Needed extends Needs = Record<never, never>,
  Returned = void,
>(
  definition: TaskDefinition<Args, Needed, Returned> & Skippable<Args>,
): Task<ArgumentInput<Args>, Unfinished<Returned> | undefined>
/** Defines a task. Its arguments, needs and result are typed from this one definition. */
export function task<
  Args extends Arguments = Record<never, never>,
  Needed extends Needs = Record<never, never>,
  Returned = void,
>(definition: TaskDefinition<Args, Needed, Returned>): Task<ArgumentInput<Args>, Unfinished<Returned>>
export function task(definition: AnyDefinition | CommandsDefinition<Readonly<Record<string, Task>>>): Task {
  // Set by the bundle for the file whose code runs at this moment.
  const folder = (globalThis as { [folderOfFile]?: string })[folderOfFile]
  if (!('commands' in definition)) return new DefinedTask(definition, folder, noCommands, undefined)
  const commands = Object.fromEntries(
    Object.entries(definition.commands).map(([name, command]) => [kebabCase(name), command]),
  )
  const preset = definition.defaultCommand === undefined ? undefined : kebabCase(definition.defaultCommand)
  return new DefinedTask({ ...definition, run: runNothing }, folder, commands, preset)
}

/** The commands of a task that has none. */
export const noCommands: Readonly<Record<string, Task>> = Object.freeze({})

/** A task. There may be 50,000 of them: what they share is theirs in common. */
class DefinedTask implements Task {
  readonly definition: AnyDefinition
  readonly commands: Readonly<Record<string, Task>>
  declare readonly defaultCommand?: string
  declare readonly folder?: string
  #caller: CallerPlace | undefined = new CallerPlace(task)
  #place: Place | undefined
  #number = 0

  constructor(
    definition: AnyDefinition,
    folder: string | undefined,
    commands: Readonly<Record<string, Task>>,
    defaultCommand: string | undefined,
  ) {
    this.definition = definition
    this.commands = commands
    if (folder !== undefined) this.folder = folder
    if (defaultCommand !== undefined) this.defaultCommand = defaultCommand
  }

  get place(): Place | undefined {
    if (this.#caller) {
      this.#place = this.#caller.place
      this.#caller = undefined
    }
    return this.#place
  }

  with(input: unknown): BoundTask {
    return { task: this, input }
  }

  /** The number of a task of this copy of the package: kept with it, since a map of 50,000 objects costs more than all else that is kept of them. */
  static number(given: Task): number | undefined {
    if (!(#number in given)) return undefined
    if (given.#number === 0) given.#number = nextNumber()
    return given.#number
  }
}
Object.defineProperty(DefinedTask.prototype, brand, { value: true })

/** A task that only has commands does nothing by itself. */
function runNothing({ name }: TaskContext): never {
  throw new FailureError({
    code: 'no-command',
    message: `${name} has commands and no default one`,
    next: [`task help ${name}`],
    outcome: 'usage',
  })
}

let numbered = 0
const nextNumber = (): number => {
  numbered += 1
  return numbered
}
/** Of tasks that another copy of this package has made. */
const others = new WeakMap<Task, number>()

/** Tells a task from all others of this process. */
export function numberOf(given: Task): number {
  const own = DefinedTask.number(given) ?? others.get(given)
  if (own !== undefined) return own
  const number = nextNumber()
  others.set(given, number)
  return number
}

/** Whether a value is a task, also one made by another copy of this package. */
export const isTask = (value: unknown): value is Task =>
  typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true
