/** A command that is to run again and again. */
export type ScheduledCommand = {
  /** Names it where it runs: lower-case letters, digits, dashes. */
  name: string
  /** One line, for people. */
  description: string
  /** The folder in which it runs, absolute. */
  folder: string
  /** Program and arguments; the program is absolute. */
  argv: readonly [string, ...string[]]
  /** Where programs are looked for, when the environment of the scheduler is too bare. */
  path?: string
}
