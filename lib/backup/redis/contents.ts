import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { Comparison } from '../compare.ts'
import { type RedisConnection, RedisError, type Reply } from './connection.ts'

const databaseSchema = z.strictObject({
  index: z.int(),
  keys: z.int(),
  /** Of those, the ones that expire: they may be gone by the time of a restore. */
  volatile: z.int(),
  /** 64 bits over the keys that do not expire, with their values; empty where it was not read. */
  checksum: z.string(),
})
/** A numbered database of a Redis. */
export type RedisDatabase = z.output<typeof databaseSchema>

/** `<source>.contents.json` of a Redis: what was in it at the moment of the snapshot. */
export const redisContentsSchema = z.strictObject({
  format: z.literal(1),
  version: z.string(),
  databases: z.array(databaseSchema),
  /** False: it was written to between the snapshot and the reading, so only that it loads can be said. */
  exact: z.boolean(),
})
/** What was in a Redis. */
export type RedisContents = z.output<typeof redisContentsSchema>

/** A section of INFO as its names and values. */
export async function info(connection: RedisConnection, section: string): Promise<Map<string, string>> {
  const text = String(await connection.call('INFO', section))
  return new Map(
    text.split('\r\n').flatMap((line): [string, string][] => {
      const at = line.indexOf(':')
      return at < 0 || line.startsWith('#') ? [] : [[line.slice(0, at), line.slice(at + 1)]]
    }),
  )
}

/** The databases that hold anything, and how many keys. */
export async function keyspace(connection: RedisConnection): Promise<Omit<RedisDatabase, 'checksum'>[]> {
  return [...(await info(connection, 'keyspace'))].flatMap(([name, value]) => {
    const [, index] = /^db(\d+)$/.exec(name) ?? []
    const [, keys = '0', expires = '0'] = /^keys=(\d+),expires=(\d+)/.exec(value) ?? []
    return index === undefined ? [] : [{ index: Number(index), keys: Number(keys), volatile: Number(expires) }]
  })
}

/** Keys that are looked at in one go. */
const batch = 200

/** The keys of the chosen database, in batches; each key once, as long as nobody writes. */
export async function* scan(connection: RedisConnection): AsyncGenerator<Buffer[]> {
  // A key may come twice while a table grows or shrinks.
  const seen = new Set<string>()
  let cursor = '0'
  do {
    const [next, keys] = (await connection.call('SCAN', cursor, 'COUNT', String(batch))) as [Buffer, Buffer[]]
    cursor = next.toString()
    const now = new Set(keys.map((key) => key.toString('latin1')))
    const fresh = [...now].filter((key) => !seen.has(key)).map((key) => Buffer.from(key, 'latin1'))
    for (const key of now) seen.add(key)
    if (fresh.length > 0) yield fresh
  } while (cursor !== '0')
}

/** Reads the databases, each key with its value. Throws `FailureError`. */
export async function readDatabases(connection: RedisConnection): Promise<RedisDatabase[]> {
  const databases: RedisDatabase[] = []
  for (const { index } of await keyspace(connection)) databases.push(await readDatabase(connection, index))
  return databases.filter(({ keys }) => keys > 0).sort((a, b) => a.index - b.index)
}

/** Reads one database. @param except a key that does not count */
export async function readDatabase(
  connection: RedisConnection,
  index: number,
  except?: string,
): Promise<RedisDatabase> {
  await connection.call('SELECT', String(index))
  let [keys, volatile, sum] = [0, 0, 0n]
  for await (const found of scan(connection)) {
    const names = found.filter((key) => key.toString('latin1') !== except)
    const answers = await connection.pipeline(
      names.flatMap((key) => [
        ['TYPE', key],
        ['PTTL', key],
      ]),
    )
    const lasting: { key: Buffer; type: string }[] = []
    for (const [at, key] of names.entries()) {
      const [type, ttl] = [String(answers[at * 2]), answers[at * 2 + 1]]
      if (type === 'none') continue
      keys += 1
      if (ttl === -1) lasting.push({ key, type })
      else volatile += 1
    }
    const commands = lasting.map(({ key, type }) => valueCommand(type, key))
    const values = await connection.pipeline(commands)
    for (const [at, { key, type }] of lasting.entries()) {
      const value = values[at] ?? null
      if (value instanceof RedisError) throw connection.refused(String(commands[at]?.[0]), value.message)
      sum += hashOf(key, type, value)
    }
  }
  return { index, keys, volatile, checksum: BigInt.asUintN(64, sum).toString(16).padStart(16, '0') }
}

function valueCommand(type: string, key: Buffer): (string | Buffer)[] {
  switch (type) {
    case 'string':
      return ['GET', key]
    case 'list':
      return ['LRANGE', key, '0', '-1']
    case 'set':
      return ['SMEMBERS', key]
    case 'zset':
      return ['ZRANGE', key, '0', '-1', 'WITHSCORES']
    case 'hash':
      return ['HGETALL', key]
    case 'stream':
      return ['XRANGE', key, '-', '+']
    default:
      // A module's own type: that it is there is all that can be compared.
      return ['TYPE', key]
  }
}

/** 64 bits of a key with its value. What has no order of its own is sorted: it comes as the server happens to keep it. */
function hashOf(key: Buffer, type: string, value: Reply): bigint {
  const hash = createHash('sha256')
  const part = (bytes: Buffer) => {
    const length = Buffer.alloc(4)
    length.writeUInt32BE(bytes.length)
    hash.update(length).update(bytes)
  }
  part(key)
  part(Buffer.from(type))
  const parts = flat(value)
  if (type === 'set') parts.sort(Buffer.compare)
  if (type === 'hash') {
    const pairs = parts.flatMap((field, at) =>
      at % 2 === 0 ? [[field, parts[at + 1] ?? Buffer.alloc(0)] as const] : [],
    )
    for (const pair of pairs.sort(([a], [b]) => Buffer.compare(a, b))) for (const one of pair) part(one)
  } else for (const one of parts) part(one)
  return hash.digest().readBigUInt64BE()
}

const flat = (value: Reply): Buffer[] =>
  Array.isArray(value) ? value.flatMap(flat) : Buffer.isBuffer(value) ? [value] : [Buffer.from(String(value))]

/** Compares what was restored with what was written down when the backup was taken. Pure. */
export function compareRedis(recorded: RedisContents, restored: readonly RedisDatabase[]): Comparison {
  const differences: string[] = []
  const found = new Map(restored.map((database) => [database.index, database]))
  const empty = { keys: 0, volatile: 0, checksum: '0'.repeat(16) }
  if (recorded.exact) {
    for (const { index, keys, volatile, checksum } of recorded.databases) {
      const is = found.get(index) ?? empty
      found.delete(index)
      const [had, has] = [keys - volatile, is.keys - is.volatile]
      if (has !== had) differences.push(`database ${index} has ${has} keys that do not expire, and had ${had}`)
      else if (is.checksum !== checksum)
        differences.push(`database ${index} has its ${has} keys, and not the same values`)
      if (is.volatile > volatile) {
        differences.push(`database ${index} has ${is.volatile} keys that expire, and had ${volatile}`)
      }
    }
    for (const index of found.keys()) differences.push(`database ${index} was not in the backup`)
  }
  const compared = recorded.exact ? recorded.databases : restored
  return { compared: { keys: compared.reduce((sum, { keys }) => sum + keys, 0) }, differences }
}
