import { chmod, chown, lchown, link, lstat, mkdir, open, readdir, readlink, symlink, utimes } from 'node:fs/promises'
import { dirname, join, normalize } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { Header, Pack } from 'tar-stream'
import { errorCode } from '../system/files.ts'
import { damaged } from './age.ts'
import { packed } from './packed.ts'
import { sparseMark } from './tree/archive.ts'

/** A file or folder to be put into an archive. */
export type ArchiveEntry = { path: string; name: string }

/** What stays out of an archive: `skip` leaves an entry out, `empty` takes a folder without what is in it. */
export type Selector = (name: string, isFolder: boolean) => 'take' | 'skip' | 'empty'

/**
 * A tar archive (POSIX.1-2001) of files and folders that may change meanwhile: what is gone when its turn comes is left out, what grows is cut at the size
 * that it had, what shrinks is filled with zeros. Owners are kept by name and number, times to the second.
 */
export async function* archive(
  entries: readonly ArchiveEntry[],
  select: Selector = () => 'take',
): AsyncGenerator<Uint8Array> {
  yield* packed((pack) => fill(pack, entries, select))
}

async function fill(pack: Pack, entries: readonly ArchiveEntry[], select: Selector): Promise<void> {
  for (const { path, name } of entries) await add(pack, path, name, select)
}

async function add(pack: Pack, path: string, name: string, select: Selector): Promise<void> {
  const found = await lstat(path).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined) return
  const verdict = select(name, found.isDirectory())
  if (verdict === 'skip') return
  const header = { name, mode: found.mode & 0o7777, uid: found.uid, gid: found.gid, mtime: found.mtime }
  if (found.isSymbolicLink()) return entry(pack, { ...header, type: 'symlink', linkname: await readlink(path) })
  if (found.isDirectory()) {
    await entry(pack, { ...header, type: 'directory' })
    if (verdict === 'empty') return
    for (const child of (await readdir(path)).sort()) await add(pack, join(path, child), `${name}/${child}`, select)
    return
  }
  // Sockets, pipes and devices hold no data.
  if (found.isFile()) await addFile(pack, path, { ...header, type: 'file' })
}

const entry = (pack: Pack, header: Partial<Header> & Pick<Header, 'name'>): Promise<void> =>
  new Promise((resolve, reject) => {
    pack.entry(header, (error) => (error ? reject(error) : resolve()))
  })

async function addFile(pack: Pack, path: string, header: Partial<Header> & Pick<Header, 'name'>): Promise<void> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return
  try {
    const { size } = await handle.stat()
    await new Promise<void>((resolve, reject) => {
      const sink = pack.entry({ ...header, size }, (error) => (error ? reject(error) : resolve()))
      void (async () => {
        for (let left = size; left > 0; ) {
          const buffer = Buffer.allocUnsafe(Math.min(left, 256 * 1024))
          const { bytesRead } = await handle.read(buffer, 0, buffer.length)
          const chunk = bytesRead === 0 ? buffer.fill(0) : buffer.subarray(0, bytesRead)
          left -= chunk.length
          if (!sink.write(chunk)) await new Promise<void>((next) => sink.once('drain', () => next()))
        }
        sink.end(undefined)
      })().catch(reject)
    })
  } finally {
    await handle.close()
  }
}

/**
 * Unpacks an archive into a folder, which exists. Nothing is written outside of it, whatever the names say.
 * @param owner whose everything becomes; without it, as root the recorded one's
 */
export async function extract(
  source: AsyncIterable<Uint8Array>,
  folder: string,
  options: { owner?: { uid: number; gid: number }; rename?: (name: string) => string | undefined; name: string },
): Promise<number> {
  const { extract: makeExtract } = await import('tar-stream')
  const unpack = makeExtract()
  // Why the archive broke off, which its entries do not say.
  let reason: unknown
  const noted = (async function* () {
    try {
      yield* source
    } catch (error) {
      reason = error
      throw error
    }
  })()
  const feeding = pipeline(Readable.from(noted, { objectMode: false }), unpack)
  feeding.catch(() => {})
  const isRoot = process.getuid?.() === 0
  const folders: { path: string; header: Header }[] = []
  let count = 0
  try {
    for await (const item of unpack) {
      const { header } = item
      if (options.rename && options.rename(header.name) === undefined) {
        item.resume()
        continue
      }
      const path = inside(header.name)
      await mkdir(dirname(path), { recursive: true, mode: 0o700 })
      if (header.type === 'directory') {
        await mkdir(path, { recursive: true, mode: 0o700 })
        folders.push({ path, header })
        item.resume()
      } else if (header.type === 'symlink') {
        await symlink(header.linkname ?? '', path)
        if (isRoot) await lchown(path, options.owner?.uid ?? header.uid ?? 0, options.owner?.gid ?? header.gid ?? 0)
        item.resume()
      } else if (header.type === 'link') {
        await link(inside(header.linkname ?? ''), path)
        item.resume()
      } else if (header.type === 'file') {
        const isSparse = (header.pax as Record<string, string> | null)?.[sparseMark] !== undefined
        await writeContent(item as AsyncIterable<Uint8Array>, path, isSparse)
        await settle(path, header)
        count += 1
      } else item.resume()
    }
    await feeding
  } catch (error) {
    throw reason ?? error
  }
  // Children first: a folder's time changes with what is put into it.
  for (const { path, header } of folders.reverse()) await settle(path, header)
  return count

  function inside(recorded: string): string {
    const name = options.rename ? (options.rename(recorded) ?? '') : recorded
    if (normalize(name).split('/').includes('..') || name.startsWith('/'))
      throw damaged(options.name, `it would write outside of the folder: ${recorded}`)
    return join(folder, name)
  }

  async function settle(path: string, header: Header): Promise<void> {
    if (isRoot) await chown(path, options.owner?.uid ?? header.uid ?? 0, options.owner?.gid ?? header.gid ?? 0)
    await chmod(path, header.mode ?? 0o600)
    if (header.mtime) await utimes(path, header.mtime, header.mtime)
  }
}

/**
 * Writes a file; where it had holes, nothing is written for zeros. Read as an iterable, and not by `pipeline`: that waits for ever on an entry that was
 * destroyed before it began, as happens when the archive breaks off while the entry's folder is being made.
 */
async function writeContent(content: AsyncIterable<Uint8Array>, path: string, isSparse: boolean): Promise<void> {
  const handle = await open(path, 'wx', 0o600)
  try {
    let at = 0
    for await (const chunk of content) {
      if (!isSparse || chunk.some((byte) => byte !== 0)) {
        for (let done = 0; done < chunk.length; ) {
          done += (await handle.write(chunk, done, chunk.length - done, at + done)).bytesWritten
        }
      }
      at += chunk.length
    }
    if (isSparse) await handle.truncate(at)
  } finally {
    await handle.close()
  }
}
