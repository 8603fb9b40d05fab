import { readdir, realpath } from 'node:fs/promises'
import { basename, delimiter, join } from 'node:path'
import { runProgram } from '../database/engine/program.ts'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { exists } from '../system/files.ts'

/** PostgreSQL's client programs of one version, in one folder. */
export type Client = { bin: string; major: number; version: string }

/** Where packages put clients, in all versions: Debian, Red Hat (PGDG), Homebrew (both), Postgres.app. */
const parents: [parent: string, pattern: RegExp, below: string][] = [
  ['/usr/lib/postgresql', /^\d+$/, 'bin'],
  ['/usr', /^pgsql-\d+$/, 'bin'],
  ['/opt/homebrew/opt', /^(postgresql|libpq)(@\d+)?$/, 'bin'],
  ['/usr/local/opt', /^(postgresql|libpq)(@\d+)?$/, 'bin'],
  ['/Applications/Postgres.app/Contents/Versions', /^\d+$/, 'bin'],
]

/** A folder with further clients, before all others: for one that is installed nowhere. */
export const clientFolderVariable = 'OPS_PG_CLIENT'

/** What was found, by where it was looked for: programs do not change while a command runs, and each answers only after a start. */
const known = new Map<string, Promise<Client[]>>()

/** All clients of this machine, the oldest version first. */
export function findClients(env: NodeJS.ProcessEnv = process.env, signal?: AbortSignal): Promise<Client[]> {
  const where = `${env[clientFolderVariable] ?? ''}\n${env.PATH ?? ''}`
  const earlier = known.get(where)
  if (earlier !== undefined) return earlier
  const found = lookForClients(env, signal)
  known.set(where, found)
  // What was interrupted is no answer.
  const forget = () => {
    if (signal?.aborted) known.delete(where)
  }
  found.then(forget, () => known.delete(where))
  return found
}

async function lookForClients(env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Client[]> {
  const folders = [...(env[clientFolderVariable] ?? '').split(delimiter), ...(env.PATH ?? '').split(delimiter)]
  for (const [parent, pattern, below] of parents) {
    const names = await readdir(parent).catch(() => [])
    folders.push(...names.filter((name) => pattern.test(name)).map((name) => join(parent, name, below)))
  }
  const programs = new Map<string, string>()
  for (const bin of folders.filter((folder) => folder !== '')) {
    const program = await realpath(join(bin, 'pg_dump')).catch(() => undefined)
    // Debian's wrapper starts one of those that come from their own folders.
    if (program === undefined || basename(program) === 'pg_wrapper') continue
    if (!programs.has(program) && (await exists(join(bin, 'pg_restore')))) programs.set(program, bin)
  }
  const answers = await Promise.all([...programs.values()].map((bin) => askVersion(bin, signal)))
  const clients = new Map<string, Client>()
  for (const client of answers) if (client && !clients.has(client.version)) clients.set(client.version, client)
  return [...clients.values()].sort((a, b) => a.major - b.major)
}

async function askVersion(bin: string, signal?: AbortSignal): Promise<Client | undefined> {
  const answer = await runProgram([join(bin, 'pg_dump'), '--version'], { user: undefined, ...(signal && { signal }) })
  const [, version] = (answer.ok && /PostgreSQL\) (\d+(?:\.\d+)?)/.exec(answer.value.join('\n'))) || []
  return version === undefined ? undefined : { bin, major: Number.parseInt(version, 10), version }
}

/**
 * The client for a server: of its own major version, or else the next newer one, since an older one refuses (pg_dump(1)). Failure `no-client`, which
 * says what to install.
 */
export async function clientFor(major: number, atLeast = major, signal?: AbortSignal): Promise<Result<Client>> {
  const clients = await findClients(process.env, signal)
  const found = clients.find((client) => client.major >= Math.max(major, atLeast))
  return found ? ok(found) : failed(noClient(Math.max(major, atLeast), clients))
}

function noClient(major: number, clients: readonly Client[]): Failure {
  const newest = clients.at(-1)
  return {
    code: 'no-client',
    message: `PostgreSQL ${major} is dumped and restored by pg_dump and pg_restore ${major} or newer, which are not on this machine`,
    why: newest ? `the newest here is ${newest.version}, in ${newest.bin}` : 'there is none at all',
    next: [`apt-get install postgresql-client-${major}`, `or set ${clientFolderVariable} to the folder that has them`],
    outcome: 'unchanged',
  }
}
