import type { BackupFile, ManifestSource } from '../../model/backup.ts'
import { bestCodec } from '../codecs.ts'
import { type RedisAddress, RedisConnection } from '../redis/connection.ts'
import { info, keyspace, type RedisContents, readDatabases } from '../redis/contents.ts'
import { storeFile } from '../store.ts'
import { type Taking, textStream } from './logical.ts'

/** The bytes of the PING that a server sends its replicas now and then: no write is as short. */
const pingBytes = 14

/**
 * Takes a Redis by the snapshot that it gives its replicas: an RDB of one moment, over our own connection. Then every key is read and hashed; when
 * nothing was written meanwhile, what is written down is exactly what the snapshot has. Throws `FailureError`.
 */
export async function takeRedis(
  address: RedisAddress,
  name: string,
  taking: Taking,
): Promise<{ files: BackupFile[]; source: ManifestSource }> {
  const { signal } = taking
  const store = (suffix: string, holds: BackupFile['holds'], content: AsyncIterable<Uint8Array>) =>
    storeFile(taking.copies, content, {
      prefix: taking.prefix,
      name: `${name}.${suffix}`,
      source: name,
      holds,
      codec: bestCodec(),
      recipients: taking.recipients,
      signal,
    })
  const replica = await RedisConnection.open(address, signal)
  let taken: { file: BackupFile; offset: string }
  try {
    const { offset, content } = await replica.snapshot()
    taken = { file: await store('rdb', 'rdb', content), offset }
  } finally {
    // As long as it stays, the server writes to it.
    replica.close()
  }
  const contents = await readBeside(address, taken.offset, signal)
  const written = await store('contents.json', 'contents', textStream(JSON.stringify(contents)))
  const keys = contents.databases.reduce((sum, database) => sum + database.keys, 0)
  return {
    files: [taken.file, written],
    source: { name, type: 'redis', server: contents.version, keys },
  }
}

async function readBeside(address: RedisAddress, offset: string, signal: AbortSignal): Promise<RedisContents> {
  const connection = await RedisConnection.open(address, signal)
  try {
    const version = (await info(connection, 'server')).get('redis_version') ?? ''
    const isQuiet = async () => {
      const now = (await info(connection, 'replication')).get('master_repl_offset')
      return [0, pingBytes].includes(Number(now) - Number(offset))
    }
    // Reading costs the server time: a busy one is spared when it can come to nothing.
    if (await isQuiet()) {
      const databases = await readDatabases(connection)
      if (await isQuiet()) return { format: 1, version, databases, exact: true }
    }
    const counted = (await keyspace(connection)).map((database) => ({ ...database, checksum: '' }))
    return { format: 1, version, databases: counted, exact: false }
  } finally {
    connection.close()
  }
}
