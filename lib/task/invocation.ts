/**
 * How `task` was called: what an operation needs to decide on what it prints and whether it may ask. One per process; the same
 * for all tasks that it runs.
 */
export type Invocation = {
  /** The words after `task`, unchanged. */
  readonly argv: readonly string[]
  /** The same without the values of arguments that are called like a secret; where it is to be told or kept. */
  readonly shownArgv?: readonly string[]
  /** The words by which `task` can be typed again in `folder`: `task`, `npx task`, `./bin/task`. */
  readonly command: string
  /** The folder in which it was called; relative paths of the user are relative to it. */
  readonly folder: string
  /** The result is to be one JSON value on stdout (`--json` before or after the task's name). */
  readonly json: boolean
  /** Somebody can be asked: stdin and stderr are terminals, it is not CI, and no JSON is wanted. */
  readonly interactive: boolean
  /** `--yes`: plain confirmations are given; a protected environment still wants its name. */
  readonly yes: boolean
  /** Colours may be used on stderr, where progress is shown. */
  readonly color: boolean
  /** Runs on a CI system (`CI` is set and not `false` or `0`). */
  readonly ci: boolean
  /** How progress is shown: `live` redraws a terminal, `plain` appends lines, `json` appends one JSON event per line. */
  readonly output: 'plain' | 'live' | 'json'
  /** The environment variables of the process. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** stdout is the result, stderr is the talk. */
  readonly terminal: Terminal
}

/** The two streams of the command. Writing never fails: a reader that went away is no error. */
export interface Terminal {
  /** Writes to stdout as it is; with `--json` to stderr, because stdout is the result alone. */
  out(text: string | Uint8Array): void
  /** Writes to stderr as it is. */
  err(text: string | Uint8Array): void
  /** Width of the terminal in columns; 80 where there is none. */
  readonly columns: number
  /** Whether stderr, or stdout, is a terminal: only then has a width a meaning for each. */
  readonly errIsTerminal?: boolean
  readonly outIsTerminal?: boolean
}
