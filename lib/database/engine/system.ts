import { access, constants } from 'node:fs/promises'
import { delimiter, join } from 'node:path'
import type { EngineUser } from './user.ts'
import { askVersion } from './version.ts'

/** A PostgreSQL server that is installed on the machine. */
export type SystemServer = { bin: string; version: string; major: number }

/** Where packages put a major version's programs: Debian, Red Hat (PGDG), Homebrew (both), Postgres.app. */
const folders = (major: number): string[] => [
  `/usr/lib/postgresql/${major}/bin`,
  `/usr/pgsql-${major}/bin`,
  `/opt/homebrew/opt/postgresql@${major}/bin`,
  `/usr/local/opt/postgresql@${major}/bin`,
  `/Applications/Postgres.app/Contents/Versions/${major}/bin`,
]

/** Finds an installed server of a major version, in the packages' folders and then along PATH; undefined if there is none. */
export async function findSystemServer(
  major: number,
  user: EngineUser | undefined,
  path: string = process.env.PATH ?? '',
  signal?: AbortSignal,
): Promise<SystemServer | undefined> {
  for (const bin of [...folders(major), ...path.split(delimiter).filter((folder) => folder !== '')]) {
    if (!(await hasPrograms(bin))) continue
    const version = await askVersion(bin, user, signal)
    if (version.ok && Number.parseInt(version.value, 10) === major) return { bin, version: version.value, major }
  }
  return undefined
}

async function hasPrograms(bin: string): Promise<boolean> {
  try {
    for (const program of ['postgres', 'initdb']) await access(join(bin, program), constants.X_OK)
    return true
  } catch {
    return false
  }
}
