import type { Result } from '../model/failure.ts'
import type { Arguments, ArgumentValues } from '../task/arguments.ts'
import type { LoadedTasks } from '../task/table.ts'
import type { GlobalFlags } from './global-flags.ts'
import type { Ending } from './report.ts'
import type { Streams } from './terminal.ts'

/** What a word of `task` itself is given. */
export type BuiltInContext<Args extends Arguments = Arguments> = {
  readonly args: ArgumentValues<Args>
  readonly flags: GlobalFlags
  /** Where the user stands. */
  readonly folder: string
  /** The tasks of the Taskfile; a failure when there is none, or it cannot be loaded. */
  readonly tasks: Result<LoadedTasks>
  readonly streams: Streams
  /** JSON is asked for, before the word or behind it. */
  readonly json: boolean
  /** Colours may be used on stdout. */
  readonly color: boolean
}

/** A word of `task` itself: what it takes, and what it does. Texts and JSON are returned, and printed by the caller. */
export type BuiltIn<Args extends Arguments = Arguments> = {
  /** Shown by its help behind the description of the table. */
  readonly details?: string
  readonly args?: Args
  /** The words within it: `cache clear`. A word that has these does nothing by itself. */
  readonly commands?: Readonly<Record<string, BuiltInCommand>>
  /** The one that runs when none is named. */
  readonly defaultCommand?: string
  run?(context: BuiltInContext<Args>): Promise<Ending>
}

/** A word within a word of `task` itself. */
export type BuiltInCommand<Args extends Arguments = Arguments> = BuiltIn<Args> & { readonly description: string }

/** Defines a word of `task` itself; `args` of `run` are typed by it. `--json` need not be among them. */
export function builtIn<Args extends Arguments = Record<never, never>>(definition: BuiltIn<Args>): BuiltIn {
  return definition as unknown as BuiltIn
}

/** Defines a word within another. */
export function builtInCommand<Args extends Arguments = Record<never, never>>(
  definition: BuiltInCommand<Args>,
): BuiltInCommand {
  return definition as unknown as BuiltInCommand
}
