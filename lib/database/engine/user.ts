import { readFileSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'

/** An account of this machine that a server runs under. */
export type EngineUser = { name: string; uid: number; gid: number }

/** The accounts that are tried, best first: packages' own ones (Debian and Red Hat, macOS), then the one without rights. */
const accounts = ['postgres', '_postgres', 'nobody']

/**
 * Under whom PostgreSQL runs: undefined for an ordinary user (under himself); for root another account, because PostgreSQL refuses root
 * (main.c, check_root). It must have an entry in /etc/passwd: initdb looks its name up and gives up without one (measured, 17.10).
 * Failure: `no-engine-user`.
 */
export function engineUser(passwd = '/etc/passwd'): Result<EngineUser | undefined> {
  if (process.getuid?.() !== 0) return ok(undefined)
  const entries = readAccounts(passwd)
  const found = accounts.map((name) => entries.get(name)).find((entry) => entry !== undefined && entry.uid !== 0)
  if (found) return ok(found)
  return failed({
    code: 'no-engine-user',
    message: 'PostgreSQL does not run as root, and this machine has no other account for it',
    why: `none of ${accounts.join(', ')} is in ${passwd}`,
    next: ['useradd --system --no-create-home postgres'],
    outcome: 'unchanged',
  })
}

function readAccounts(path: string): Map<string, EngineUser> {
  const entries = new Map<string, EngineUser>()
  let text = ''
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return entries
  }
  for (const line of text.split('\n')) {
    const [name, , uid, gid] = line.split(':')
    if (!name || !/^-?\d+$/.test(uid ?? '') || !/^-?\d+$/.test(gid ?? '')) continue
    // `| 0`: macOS has nobody as -2 or 4294967294, spawn takes 32-bit integers.
    entries.set(name, { name, uid: Number(uid) | 0, gid: Number(gid) | 0 })
  }
  return entries
}

/**
 * What keeps an account from entering a folder: the first folder above it (or itself) that others may not enter. Goes by owner and mode, as
 * far as the folders exist.
 */
export async function notEnterable(folder: string, user: EngineUser): Promise<string | undefined> {
  const parent = dirname(folder)
  if (parent !== folder) {
    const above = await notEnterable(parent, user)
    if (above !== undefined) return above
  }
  const found = await stat(folder).catch(() => undefined)
  if (found === undefined) return undefined
  const bit = found.uid === user.uid ? 0o100 : found.gid === user.gid ? 0o010 : 0o001
  return (found.mode & bit) === 0 ? folder : undefined
}

/** The failure of a data folder that the server's account cannot reach. */
export function folderNotEnterable(folder: string, blocked: string, user: EngineUser): Failure {
  return {
    code: 'data-folder-not-enterable',
    message: `PostgreSQL runs as ${user.name}, who cannot enter ${blocked}`,
    place: { file: folder },
    why: 'root cannot run it under itself, and that folder is closed to others',
    next: [`chmod o+x ${blocked}`],
    outcome: 'unchanged',
  }
}
