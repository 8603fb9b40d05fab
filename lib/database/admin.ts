import { setTimeout as pause } from 'node:timers/promises'
import type { Secret } from '../model/secret.ts'
import type { Connection } from './connect.ts'
import { fitsVerifier, scramVerifier } from './scram.ts'

/** A database and the role that owns it. */
export type DatabaseRequest = { name: string; user: string; password: Secret }

/** What is missing for a service to use its database. Empty: nothing. */
export type MissingPart = 'role' | 'password' | 'database'

/**
 * Compares a server with what a service wants, without changing it. The password is compared with what the server keeps of it, so the
 * connection must be a superuser's.
 */
export async function missingParts(admin: Connection, wanted: DatabaseRequest): Promise<MissingPart[]> {
  const missing: MissingPart[] = []
  const roles = await admin.query<{ rolpassword: string | null; rolcanlogin: boolean }>(
    'select rolpassword, rolcanlogin from pg_catalog.pg_authid where rolname = $1',
    [wanted.user],
  )
  const role = roles.rows[0]
  if (role === undefined) missing.push('role')
  else if (!role.rolcanlogin || !fitsVerifier(wanted.password.reveal(), role.rolpassword ?? ''))
    missing.push('password')
  const databases = await admin.query('select 1 from pg_catalog.pg_database where datname = $1', [wanted.name])
  if (databases.rowCount === 0) missing.push('database')
  return missing
}

/** Who creates roles and databases takes turns: two ALTER ROLE at once fail (XX000). First bytes of SHA-256('vital-ops roles'). */
const turn = [1_110_798_112, 1_434_034_299]

/**
 * Creates what is missing: the role, its password, the database. Idempotent, also when several do it at once. Only a verifier of the password
 * is sent. Returns what was done.
 */
export async function ensureDatabase(admin: Connection, wanted: DatabaseRequest): Promise<MissingPart[]> {
  await admin.query('select pg_catalog.pg_advisory_lock($1, $2)', turn)
  try {
    return await createMissing(admin, wanted)
  } finally {
    // Where the connection is gone, so is the lock.
    await admin.query('select pg_catalog.pg_advisory_unlock($1, $2)', turn).catch(() => {})
  }
}

async function createMissing(admin: Connection, wanted: DatabaseRequest): Promise<MissingPart[]> {
  const missing = await missingParts(admin, wanted)
  const role = admin.escapeIdentifier(wanted.user)
  const verb = missing.includes('role') ? 'create' : 'alter'
  if (missing.includes('role') || missing.includes('password')) {
    const password = admin.escapeLiteral(scramVerifier(wanted.password.reveal()))
    await admin.query(`${verb} role ${role} login password ${password}`)
  }
  if (missing.includes('database')) {
    await admin.query(`create database ${admin.escapeIdentifier(wanted.name)} owner ${role}`)
  }
  return missing
}

/**
 * Ends every session of an application name and waits until they are gone, so that nothing of a dead run works on. Returns how many there
 * were. A session in the middle of a statement rolls back.
 *
 * @param waitMs how long to wait at most; what is left then is still ending
 */
export async function terminateSessions(admin: Connection, applicationName: string, waitMs = 30_000): Promise<number> {
  const select = `from pg_catalog.pg_stat_activity where application_name = $1 and pid <> pg_catalog.pg_backend_pid()`
  const ended = await admin.query(`select pg_catalog.pg_terminate_backend(pid) ${select}`, [
    applicationName.slice(0, 63),
  ])
  const deadline = performance.now() + waitMs
  while (performance.now() < deadline) {
    const left = await admin.query(`select 1 ${select} limit 1`, [applicationName.slice(0, 63)])
    if (left.rowCount === 0) break
    await pause(25)
  }
  return ended.rowCount ?? 0
}
