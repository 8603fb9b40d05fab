import { Readable } from 'node:stream'
import { isTemporaryName, temporaryName } from '../../system/files.ts'
import { requestBytes, SftpConnection, type SftpPlace, window } from './sftp-connection.ts'
import { openFlags, type SftpSession, statusCodes, unlessStatus } from './sftp-session.ts'
import type { Target } from './target.ts'

/**
 * Backups in a folder of another machine, by SFTP through the user's own `ssh`: the account needs no shell. Files are 0600 and folders 0700. A file is on the
 * server's disk before it gets its name where the server has `fsync@openssh.com`; SFTP has no way to sync a folder.
 */
export function sftpTarget(place: SftpPlace): Target {
  const connection = new SftpConnection(place)
  const root = place.path.replace(/\/+$/, '')
  const at = (key: string) => `${root}/${key}`

  async function walk(session: SftpSession, folder: string, found: { key: string; bytes: number }[]): Promise<void> {
    const entries = await session.list(at(folder).replace(/\/$/, '')).catch((error: unknown) => {
      unlessStatus(statusCodes.noSuchFile)(error)
      return []
    })
    for (const { name, folder: isFolder, bytes } of entries) {
      if (isFolder) await walk(session, `${folder}${name}/`, found)
      else if (!isTemporaryName(name)) found.push({ key: `${folder}${name}`, bytes })
    }
  }

  /** Writes a temporary file beside the key and gives it its name by `finish`. */
  async function written(
    session: SftpSession,
    key: string,
    source: AsyncIterable<Uint8Array>,
    finish: (temporary: string, path: string) => Promise<void>,
    signal?: AbortSignal,
  ): Promise<void> {
    const path = at(key)
    const slash = path.lastIndexOf('/')
    const temporary = `${path.slice(0, slash)}/${temporaryName(path.slice(slash + 1))}`
    await makeFolders(session, path.slice(0, slash))
    try {
      const handle = await session.open(temporary, openFlags.write | openFlags.create | openFlags.exclusive)
      try {
        await send(session, handle, source, signal)
        await session.sync(handle)
      } finally {
        await session.closeHandle(handle)
      }
      signal?.throwIfAborted()
      await finish(temporary, path)
    } catch (error) {
      await session.remove(temporary).catch(() => {})
      throw error
    }
  }

  return {
    name: `sftp://${place.host}${place.port === undefined ? '' : `:${place.port}`}${root.startsWith('/') ? '' : '/'}${root}`,

    list: (prefix) =>
      connection.use('list', at(prefix), async (session) => {
        const found: { key: string; bytes: number }[] = []
        await walk(session, prefix, found)
        return found.sort((a, b) => (a.key < b.key ? -1 : 1))
      }),

    async read(key, signal) {
      const release = connection.hold()
      try {
        const handle = await connection.use('read', at(key), (session) =>
          session.open(at(key), openFlags.read).catch((error: unknown) => {
            unlessStatus(statusCodes.noSuchFile)(error)
            return undefined
          }),
        )
        if (!handle) return void release()
        const content = connection.stream(at(key), handle, release, signal)
        return Readable.from(content, { objectMode: false, highWaterMark: 1024 * 1024 })
      } catch (error) {
        release()
        throw error
      }
    },

    write: (key, source, signal) =>
      connection.use('write', at(key), (session) =>
        written(session, key, source, (temporary, path) => session.replace(temporary, path), signal),
      ),

    create: (key, content) =>
      connection.use('write', at(key), async (session) => {
        async function* one() {
          yield Buffer.from(content)
        }
        let taken = false
        await written(session, key, one(), async (temporary, path) => {
          // Unlike `replace`, this takes nobody's place; the server only says "Failure" then.
          await session.rename(temporary, path).catch(async (error: unknown) => {
            taken = await session.entry(path).then(
              () => true,
              () => false,
            )
            if (!taken) throw error
            await session.remove(temporary)
          })
        })
        return !taken
      }),

    remove: (prefix) =>
      connection.use('remove', at(prefix), async (session) => {
        await session.remove(at(`${prefix}manifest.json`)).catch(unlessStatus(statusCodes.noSuchFile))
        await removeTree(session, at(prefix).replace(/\/$/, ''))
      }),
  }
}

/** Sends a stream, many requests at a time. */
async function send(
  session: SftpSession,
  handle: Buffer,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const flying = new Set<Promise<void>>()
  let offset = 0
  for await (const chunk of source) {
    for (let from = 0; from < chunk.length; from += requestBytes) {
      signal?.throwIfAborted()
      const part = chunk.subarray(from, from + requestBytes)
      const flight = session.write(handle, offset, part).finally(() => flying.delete(flight))
      // A failure is met where it is waited for.
      flight.catch(() => {})
      flying.add(flight)
      offset += part.length
      if (flying.size >= window) await Promise.race(flying)
    }
  }
  await Promise.all(flying)
}

/** Makes a folder with its parents. */
async function makeFolders(session: SftpSession, folder: string): Promise<void> {
  if (folder === '' || (await isFolder(session, folder))) return
  const slash = folder.lastIndexOf('/')
  if (slash > 0) await makeFolders(session, folder.slice(0, slash))
  await session.makeFolder(folder).catch(async (error: unknown) => {
    // Somebody else made it in this moment.
    if (!(await isFolder(session, folder))) throw error
  })
}

const isFolder = (session: SftpSession, path: string): Promise<boolean> =>
  session.entry(path).then(
    () => true,
    (error: unknown) => {
      unlessStatus(statusCodes.noSuchFile)(error)
      return false
    },
  )

async function removeTree(session: SftpSession, folder: string): Promise<void> {
  const entries = await session.list(folder).catch((error: unknown) => {
    unlessStatus(statusCodes.noSuchFile)(error)
    return undefined
  })
  if (!entries) return
  for (const { name, folder: isFolder } of entries) {
    if (isFolder) await removeTree(session, `${folder}/${name}`)
    else await session.remove(`${folder}/${name}`).catch(unlessStatus(statusCodes.noSuchFile))
  }
  await session.removeFolder(folder).catch(unlessStatus(statusCodes.noSuchFile))
}
