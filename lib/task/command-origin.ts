import type { Place } from '../model/failure.ts'

/** Which command an output is of. */
export type CommandOrigin = {
  /** The command as it was shown, without secrets. */
  text: string
  /** Where the Taskfile starts it. */
  place: Place | undefined
  /** The folder in which it was to run. */
  folder: string
  /** Its output was shown as it came. */
  shown: boolean
  /** Takes the secrets out of a text. */
  redact(text: string): string
}

/** The origins of the outputs of all commands started by a task's `$`; such an output is the error of a command that fails. */
export const commandOrigins = new WeakMap<object, CommandOrigin>()
