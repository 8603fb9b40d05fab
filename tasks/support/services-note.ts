import { dirname, join } from 'node:path'
import type { KnownContainer } from '../../lib/platform/docker/quick-look.ts'
import { findTaskfile } from '../../lib/task/find.ts'
import { currentNote } from '../../lib/task/noted.ts'
import type { ShownService } from './addresses.ts'

/** What is noted of a `task services status` on Docker. No secret is in it. */
export type ServicesNote = {
  environment: string
  workspaceId: string
  /** The engine's address, as the environment's file says it. */
  docker: { host?: string | undefined; context?: string | undefined }
  services: ShownService[]
  /** The containers that ran, by id. */
  containers: Record<string, KnownContainer>
  /** Where the records are, which then said of nothing that it was unfinished. */
  records: RecordsNote
}

/**
 * The container through which records are read, and when something of them was last written, as the engine says it. `folder`: where this user can see the same of
 * the engine's own disk, with the time in nanoseconds.
 */
export type RecordsNote = { container: string; mark: string; folder?: { path: string; mtimeNs: string } }

/** Whether the words behind `task` are a status that may be noted, and answered from a note: of all services, with no flags but `--json` and `-e`. */
export function isPlainServicesStatus(argv: readonly string[]): boolean {
  return environmentOf(argv) !== undefined
}

/** The environment that is named, '' where none is; undefined for other words. */
function environmentOf([first, second, ...rest]: readonly string[]): string | undefined {
  if (first !== 'services' || second !== 'status') return undefined
  const plain = rest.filter((word) => word !== '--json')
  if (plain.length === 0) return ''
  const [flag, name = ''] = plain
  return plain.length === 2 && flag === '-e' && /^[a-z][a-z0-9-]*$/.test(name) ? name : undefined
}

/** Where the note of a command line is. */
export function servicesNotePath(taskfile: string, argv: readonly string[]): string {
  const environment = environmentOf(argv) ?? ''
  return join(dirname(taskfile), '.ops/cache', `services-status${environment && `-${environment}`}.json`)
}

/** The note for a command line, where it certainly holds for where the caller stands. */
export function currentServicesNote(argv: readonly string[]): ServicesNote | undefined {
  if (!isPlainServicesStatus(argv)) return undefined
  const taskfile = findTaskfile(process.cwd())
  return taskfile.ok ? currentNote<ServicesNote>(servicesNotePath(taskfile.value, argv), taskfile.value) : undefined
}
