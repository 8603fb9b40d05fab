import { join } from 'node:path'
import { FailureError } from '../../model/failure.ts'
import type { OpData } from '../../model/op.ts'
import type { OpContext, OpResult } from '../../model/platform.ts'
import type { BackupPorts } from '../context.ts'
import { openBackup } from '../open.ts'
import { placeText, RedisConnection, RedisError } from '../redis/connection.ts'
import {
  compareRedis,
  keyspace,
  type RedisDatabase,
  readDatabase,
  readDatabases,
  redisContentsSchema,
  scan,
} from '../redis/contents.ts'
import { inFolder } from '../scratch.ts'
import { redisAt } from '../sources/address.ts'
import { recordedContents } from './files.ts'
import { startScratchRedis } from './redis.ts'

/** By which a database is known as one that a restore has begun and may throw away. */
const mark = 'vital-ops:being-restored'

/** How many databases a server has that does not tell. */
const usual = 16

/**
 * Restores a Redis: the snapshot into a scratch server, which is compared with what was written down; from there every key into an empty database of the
 * server, which is compared with the scratch server; then all are swapped with those that are there, in one transaction. Up to that nothing has changed.
 */
export async function restoreRedis(
  ports: BackupPorts,
  { source, ...place }: OpData<'restore-redis'>,
  context: OpContext,
): Promise<OpResult> {
  const { signal } = context
  const opened = await openBackup(ports, place, context)
  const recorded = opened.manifest.sources.find(({ name }) => name === source.name)
  if (!recorded) throw new FailureError({ code: 'backup-incomplete', message: `the backup holds no ${source.name}` })
  const contents = await recordedContents(opened, source.name, redisContentsSchema)
  const address = await redisAt(ports, source, context.secrets)
  return inFolder(join(await ports.scratchFolder(), `restore-${place.backup}-${source.name}`), async (folder) => {
    const scratch = await startScratchRedis(opened, recorded, folder, signal)
    try {
      const loaded = await readDatabases(scratch.connection)
      const { differences, compared } = compareRedis(contents, loaded)
      if (differences.length > 0) throw new FailureError(differs(source.name, differences))
      const server = await RedisConnection.open(address, signal)
      try {
        await moveIn(server, scratch.connection, loaded)
      } finally {
        server.close()
      }
      return { message: `${compared.keys} keys restored, compared and put in place` }
    } finally {
      await scratch.stop()
    }
  })
}

async function moveIn(
  server: RedisConnection,
  scratch: RedisConnection,
  loaded: readonly RedisDatabase[],
): Promise<void> {
  const { there, free } = await freeDatabases(server, loaded)
  const stages = new Map(loaded.map(({ index }, at) => [index, free[at] as number]))
  try {
    for (const database of loaded) await copy(scratch, server, database, stages.get(database.index) as number)
    const library = await scratch.pipeline([['FUNCTION', 'DUMP']])
    const steps: (string | Buffer)[][] = [['MULTI']]
    for (const [index, stage] of stages) {
      steps.push(['SELECT', `${stage}`], ['DEL', mark], ['SWAPDB', `${index}`, `${stage}`], ['FLUSHDB', 'ASYNC'])
    }
    for (const { index } of there) if (!stages.has(index)) steps.push(['SELECT', `${index}`], ['FLUSHDB', 'ASYNC'])
    // Servers before 7 have no functions.
    const [functions] = library
    if (Buffer.isBuffer(functions)) steps.push(['FUNCTION', 'RESTORE', functions, 'FLUSH'])
    steps.push(['EXEC'])
    const replies = await server.pipeline(steps)
    const refused = [...replies, ...[replies.at(-1)].flat()].find((reply) => reply instanceof RedisError)
    if (refused instanceof RedisError) throw server.refused('the swap', refused.message)
  } catch (error) {
    for (const stage of stages.values()) await discard(server, stage).catch(() => {})
    throw error
  }
}

/** Empty databases to restore into, after what an earlier attempt has left was thrown away. */
async function freeDatabases(
  server: RedisConnection,
  loaded: readonly RedisDatabase[],
): Promise<{ there: { index: number }[]; free: number[] }> {
  const [configured] = await server.pipeline([['CONFIG', 'GET', 'databases']])
  const count = Array.isArray(configured) ? Number(String(configured[1])) : usual
  for (const { index } of await keyspace(server)) await discard(server, index)
  const there = await keyspace(server)
  const taken = new Set([...there, ...loaded].map(({ index }) => index))
  const free = Array.from({ length: count }, (_, index) => index).filter((index) => !taken.has(index))
  const tooHigh = loaded.find(({ index }) => index >= count)
  if (tooHigh || free.length < loaded.length) throw new FailureError(noRoom(server, count, loaded, tooHigh?.index))
  return { there, free }
}

/** Empties a database that a restore has begun to fill. */
async function discard(server: RedisConnection, index: number): Promise<void> {
  await server.call('SELECT', `${index}`)
  if ((await server.call('EXISTS', mark)) === 1) await server.call('FLUSHDB', 'ASYNC')
}

/** Copies every key of a database into another one of another server, and compares them. */
async function copy(from: RedisConnection, to: RedisConnection, database: RedisDatabase, stage: number): Promise<void> {
  await from.call('SELECT', `${database.index}`)
  await to.call('SELECT', `${stage}`)
  await to.call('SET', mark, '1')
  for await (const keys of scan(from)) {
    const answers = await from.pipeline(
      keys.flatMap((key) => [
        ['DUMP', key],
        ['PTTL', key],
      ]),
    )
    const commands = keys.flatMap((key, at) => {
      const [payload, ttl] = [answers[at * 2], Number(answers[at * 2 + 1])]
      // It has expired meanwhile.
      return Buffer.isBuffer(payload) && ttl !== -2
        ? [['RESTORE', key, ttl < 0 ? '0' : `${Math.max(1, ttl)}`, payload]]
        : []
    })
    const refused = (await to.pipeline(commands)).find((reply) => reply instanceof RedisError)
    if (refused instanceof RedisError) throw to.refused('RESTORE', refused.message)
  }
  const there = await readDatabase(to, stage, mark)
  const { differences } = compareRedis(
    { format: 1, version: '', databases: [database], exact: true },
    [{ ...there, index: database.index }].filter(({ keys }) => keys > 0),
  )
  if (differences.length > 0) throw new FailureError(differs(`database ${database.index}`, differences))
}

const differs = (name: string, differences: string[]) => ({
  code: 'backup-differs',
  message: `${name} restores to something else than was backed up; what is there was not touched`,
  lines: differences.slice(0, 20),
  next: ['restore another backup: task backups'],
})

const noRoom = (server: RedisConnection, count: number, loaded: readonly RedisDatabase[], tooHigh?: number) => ({
  code: 'redis-no-room',
  message: `${placeText(server.address)} has no ${loaded.length} empty databases to restore into`,
  why:
    tooHigh === undefined
      ? `it has ${count} databases, and as many as the backup has must be empty besides those`
      : `the backup has a database ${tooHigh}, and the server has ${count}`,
  next: ['set `databases` in its configuration to more, and restart it'],
  outcome: 'unchanged' as const,
})
