import { randomBytes } from 'node:crypto'
import type { Connection } from '../../database/connect.ts'

/** What the names of our slots begin with; the stream's follows. */
const slotPrefix = 'vital_ops_wal_'

/** The slot that keeps a stream's WAL. */
export const slotOf = (stream: string): string => `${slotPrefix}${stream}`

/** A server and what it keeps for us. */
export type WalServer = {
  system: string
  timeline: number
  segmentBytes: number
  version: string
  /** Our slot, if there is one. */
  slot?: {
    stream: string
    active: boolean
    /** The server has thrown away what it was to keep. */
    lost: boolean
    /** How many bytes of WAL it keeps for it. */
    keptBytes: number
  }
  /** `max_slot_wal_keep_size` in bytes; -1: without a limit. */
  limitBytes: number
}

/** Looks at a server as its administrator. */
export async function observeWal(connection: Connection): Promise<WalServer> {
  const { rows } = await connection.query<Omit<WalServer, 'slot' | 'limitBytes'> & { keepMegabytes: number }>(
    `select (select system_identifier::text from pg_control_system()) as system,
       ('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::int as timeline,
       pg_size_bytes(current_setting('wal_segment_size'))::int as "segmentBytes",
       split_part(current_setting('server_version'), ' ', 1) as version,
       (select setting::int from pg_settings where name = 'max_slot_wal_keep_size') as "keepMegabytes"`,
  )
  const [server] = rows
  if (server === undefined) throw new Error('the server said nothing of itself')
  const slots = await connection.query<{ name: string; active: boolean; lost: boolean; kept: string }>(
    `select slot_name::text as name, active, coalesce(wal_status = 'lost', false) as lost,
       coalesce(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn), 0)::text as kept
     from pg_replication_slots where starts_with(slot_name::text, $1) and slot_type = 'physical' and not temporary
     order by slot_name desc`,
    [slotPrefix],
  )
  const { keepMegabytes, ...rest } = server
  const [slot] = slots.rows
  return {
    ...rest,
    limitBytes: keepMegabytes < 0 ? -1 : keepMegabytes * 1024 * 1024,
    ...(slot && {
      slot: {
        stream: slot.name.slice(slotPrefix.length),
        active: slot.active,
        lost: slot.lost,
        keptBytes: Number(slot.kept),
      },
    }),
  }
}

/** Makes a slot that keeps the WAL from now on; gives the name of its stream. Names sort as they were made. */
export async function createSlot(connection: Connection, now: Date): Promise<string> {
  const stamp = now.toISOString().replace(/[-:]/g, '').toLowerCase().slice(0, 15)
  const stream = `${stamp}_${randomBytes(2).toString('hex')}`
  await connection.query('select pg_create_physical_replication_slot($1, true)', [slotOf(stream)])
  return stream
}

/** Removes all of our slots; who still reads from one is cut off first. Gives how many there were. */
export async function dropSlots(connection: Connection): Promise<number> {
  const { rows } = await connection.query<{ name: string; pid: number | null }>(
    'select slot_name::text as name, active_pid as pid from pg_replication_slots where starts_with(slot_name::text, $1) and not temporary',
    [slotPrefix],
  )
  for (const { name, pid } of rows) {
    if (pid !== null) await connection.query('select pg_terminate_backend($1, 5000)', [pid])
    await connection.query('select pg_drop_replication_slot($1)', [name])
  }
  return rows.length
}

/** Where the server itself remembers what its limit was before ours: whoever ends it may be another clone. */
const noteName = 'vital_ops.slot_limit'

/** What `alter system` has set, which goes before the configuration file. */
async function setBySystem(connection: Connection): Promise<string | undefined> {
  const { rows } = await connection.query<{ setting: string }>(
    `select setting from pg_file_settings
     where name = 'max_slot_wal_keep_size' and sourcefile like '%postgresql.auto.conf' order by seqno desc limit 1`,
  )
  return rows[0]?.setting
}

/** What was noted: our own limit, and what was set before it (empty: nothing). */
async function limitNote(connection: Connection): Promise<{ own: string; before: string } | undefined> {
  const { rows } = await connection.query<{ note: string }>(
    `select substr(setting, length($1) + 2) as note
     from pg_db_role_setting s join pg_database d on d.oid = s.setdatabase, unnest(setconfig) setting
     where d.datname = 'postgres' and s.setrole = 0 and starts_with(setting, $1 || '=')`,
    [noteName],
  )
  const [own, before] = rows[0]?.note.split('|') ?? []
  return own === undefined ? undefined : { own, before: before ?? '' }
}

/** Limits how much WAL the server keeps for slots that nobody reads from, so that they cannot fill its disk. Takes effect at once, without a restart. */
export async function limitSlots(connection: Connection, bytes: number): Promise<void> {
  const own = `${Math.max(1, Math.ceil(bytes / 1024 / 1024))}MB`
  const before = (await limitNote(connection))?.before ?? (await setBySystem(connection)) ?? ''
  await connection.query(`alter database postgres set ${noteName} = '${own}|${before}'`)
  await connection.query(`alter system set max_slot_wal_keep_size = '${own}'`)
  await connection.query('select pg_reload_conf()')
}

/** Takes our limit back: what was set before it counts again. Whether there was one; a limit that somebody has set since stays. */
export async function unlimitSlots(connection: Connection): Promise<boolean> {
  const note = await limitNote(connection)
  if (note === undefined) return false
  const isOurs = (await setBySystem(connection)) === note.own
  if (isOurs) {
    await connection.query(
      note.before === ''
        ? 'alter system reset max_slot_wal_keep_size'
        : `alter system set max_slot_wal_keep_size = ${connection.escapeLiteral(note.before)}`,
    )
    await connection.query('select pg_reload_conf()')
  }
  await connection.query(`alter database postgres reset ${noteName}`)
  return isOurs
}

/**
 * Leaves a commit in the WAL and flushes it: a moment up to which everything is before a known position. Recovery to a time needs a commit behind that time
 * to stop at (postgresql.org/docs/current/runtime-config-wal.html, recovery_target_time), which a server that rests would not have.
 */
export async function markTime(connection: Connection): Promise<{ at: Date; position: string }> {
  const { rows } = await connection.query<{ at: Date }>(
    `select clock_timestamp() as at, pg_logical_emit_message(true, 'vital-ops', 'point in time')`,
  )
  const flushed = await connection.query<{ position: string }>('select pg_current_wal_flush_lsn()::text as position')
  const at = rows[0]?.at ?? new Date(0)
  // The commit is later than `at`, yet perhaps within the same millisecond.
  return { at: new Date(at.getTime() - 1), position: flushed.rows[0]?.position ?? '0/0' }
}

/** How far the WAL is on the receiver's disk; undefined when the slot is gone. */
export async function receivedPosition(connection: Connection, stream: string): Promise<string | undefined> {
  const { rows } = await connection.query<{ position: string | null }>(
    'select restart_lsn::text as position from pg_replication_slots where slot_name = $1',
    [slotOf(stream)],
  )
  return rows[0]?.position ?? undefined
}
