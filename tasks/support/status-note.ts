import { dirname, join } from 'node:path'
import type { MigrationFile } from '../../lib/model/desired.ts'
import { findTaskfile } from '../../lib/task/find.ts'
import { currentNote } from '../../lib/task/noted.ts'

/** What is noted of a `task migrate status`. No secret is in it: the password's file is named. */
export type StatusNote = {
  environment: string
  migrations: MigrationFile[]
  database: { host: string; port: number; user: string; name: string; passwordFile: string }
}

/** Whether the words behind `task` are a status that may be noted, and answered from a note: no flags but `--json`. */
export function isPlainStatus([first, second, ...rest]: readonly string[]): boolean {
  const plain = rest.filter((word) => word !== '--json')
  return first === 'migrate' && second === 'status' && plain.length <= 1 && /^[a-z][a-z0-9-]*$/.test(plain[0] ?? 'dev')
}

/** Where the note of a command line is. */
export function statusNotePath(taskfile: string, argv: readonly string[]): string {
  const [environment = ''] = argv.slice(2).filter((word) => word !== '--json')
  return join(dirname(taskfile), '.ops/cache', `migrate-status${environment && `-${environment}`}.json`)
}

/** The note for a command line, where it certainly holds for where the caller stands. */
export function currentStatusNote(argv: readonly string[]): StatusNote | undefined {
  if (!isPlainStatus(argv)) return undefined
  const taskfile = findTaskfile(process.cwd())
  return taskfile.ok ? currentNote<StatusNote>(statusNotePath(taskfile.value, argv), taskfile.value) : undefined
}
