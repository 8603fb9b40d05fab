import { literal } from './code.ts'
import type { Insert } from './model.ts'

/** The value of a variable. */
export type Variable = string | number | boolean | null | unknown[] | { sh?: string; ref?: string; map?: unknown }
/** Variables by name. */
export type Variables = Readonly<Record<string, Variable>>
/** `for`. */
export type Loop =
  | unknown[]
  | string
  | { var?: string; split?: string; as?: string; matrix?: Record<string, unknown[]> }
/** An element of `cmds`. */
export type Command =
  | string
  | {
      cmd?: string
      task?: string
      vars?: Variables
      for?: Loop
      defer?: string | { task: string; vars?: Variables }
      ignore_error?: boolean
      silent?: boolean
      platforms?: string[]
      if?: string
    }
/** An element of `deps`. */
export type Call = string | { task: string; vars?: Variables; for?: Loop; silent?: boolean }
/** A task as YAML gives it. */
export type Task = {
  cmds?: Command[]
  cmd?: Command
  deps?: Call[]
  desc?: string
  summary?: string
  prompt?: string | string[]
  aliases?: string[]
  label?: string
  sources?: (string | { exclude: string })[]
  generates?: (string | { exclude: string })[]
  status?: string[]
  preconditions?: (string | { sh: string; msg?: string })[]
  requires?: { vars?: (string | { name: string; enum?: string[] })[] }
  dir?: string
  vars?: Variables
  env?: Variables
  dotenv?: string[]
  internal?: boolean
  interactive?: boolean
  ignore_error?: boolean
  platforms?: string[]
  [key: string]: unknown
}
/** A Taskfile.yml as YAML gives it. */
export type GoTaskfile = {
  version?: unknown
  vars?: Variables
  env?: Variables
  dotenv?: string[]
  includes?: Record<string, unknown>
  tasks?: Record<string, Task | Command[] | string | null>
  [key: string]: unknown
}

/** The members of a task that are taken over. */
export const carried = new Set(
  `cmds cmd deps desc summary prompt aliases label sources generates status preconditions requires dir vars env
dotenv internal interactive ignore_error platforms silent prefix`.split(/\s+/),
)
/** Node's names of platforms, by Go's. */
export const systems: Readonly<Record<string, string>> = {
  linux: 'linux',
  darwin: 'darwin',
  windows: 'win32',
  freebsd: 'freebsd',
}

/** All commands of a task. */
export const commandsOf = (task: Task): Command[] =>
  [...(task.cmds ?? []), ...(task.cmd === undefined ? [] : [task.cmd])].filter((one) => one !== null)

/** `'{{.NAME | default "value"}}'` and `'{{default "value" .NAME}}'`: the value. */
export function selfDefault(name: string, value: unknown): string | undefined {
  if (typeof value !== 'string') return undefined
  const match =
    new RegExp(
      `^\\{\\{-?\\s*\\.${name}\\s*\\|\\s*default\\s+(?:"([^"]*)"|'([^']*)'|\`([^\`]*)\`|([\\w.]+))\\s*-?\\}\\}$`,
    ).exec(value) ??
    new RegExp(`^\\{\\{-?\\s*default\\s+(?:"([^"]*)"|'([^']*)'|\`([^\`]*)\`|([\\w]+))\\s+\\.${name}\\s*-?\\}\\}$`).exec(
      value,
    )
  return match ? (match[1] ?? match[2] ?? match[3] ?? match[4] ?? '') : undefined
}

/** Variables that go-task itself sets. */
export const special = new Map<string, (task: string) => Insert>([
  ['CLI_ARGS', () => ({ code: 'args.rest', shape: 'list', param: 'rest' })],
  ['CLI_ARGS_LIST', () => ({ code: 'args.rest', shape: 'list', param: 'rest' })],
  ['TASK', (task) => ({ code: literal(task), shape: 'word' })],
  ['ROOT_DIR', () => ({ code: 'import.meta.dirname', shape: 'word' })],
  ['TASKFILE_DIR', () => ({ code: 'import.meta.dirname', shape: 'word' })],
  ['USER_WORKING_DIR', () => ({ code: 'process.cwd()', shape: 'word' })],
  ['ITEM', () => ({ code: 'item', shape: 'word' })],
  ['EXIT_CODE', () => ({ code: "''", shape: 'words' })],
])
