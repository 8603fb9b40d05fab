import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import type { Header, Pack } from 'tar-stream'
import { errorCode } from '../../system/files.ts'
import { packed } from '../packed.ts'
import { entryOf, hardLinks, type TreeContents } from './contents.ts'
import { type Found, unreadable, walk } from './walk.ts'

/** A mark in a file's header: it had holes, and gets them again. */
export const sparseMark = 'VITALOPS.sparse'

/** What an archive holds, known when all of it has been read. */
export type Archived = TreeContents & {
  /** Written to, or gone, while they were read. */
  changed: string[]
  /** Sockets, pipes and devices, which hold no data. */
  leftOut: string[]
}

/**
 * A tar archive (POSIX.1-2001) of folders and files that may be written to meanwhile. Each byte is read once: what is written down is what the archive has.
 * What was not the same before and after it was read is said in `into.changed`. Throws `FailureError` for what cannot be read.
 * @param roots absolute paths by their names in the archive; '' for a folder that is the archive
 */
export async function* archiveTree(
  roots: readonly { path: string; name: string }[],
  exclude: ReadonlySet<string>,
  into: Archived,
): AsyncGenerator<Uint8Array> {
  yield* packed((pack) => fill(pack, roots, exclude, into))
}

async function fill(
  pack: Pack,
  roots: readonly { path: string; name: string }[],
  exclude: ReadonlySet<string>,
  into: Archived,
): Promise<void> {
  const knownAs = hardLinks()
  for (const root of roots) {
    const nameOf = (name: string) => (root.name === '' || name === '' ? `${root.name}${name}` : `${root.name}/${name}`)
    for await (const found of walk(root.path, exclude, (name) => into.changed.push(nameOf(name)))) {
      const named = { ...found, name: nameOf(found.name) }
      if (found.type === 'other') into.leftOut.push(named.name)
      else await add(pack, named, knownAs(named), into)
    }
  }
}

type Start = Partial<Header> & Pick<Header, 'name'>

async function add(pack: Pack, found: Found, same: string | undefined, into: Archived): Promise<void> {
  const entry = entryOf(found)
  const header = {
    name: join('tree', found.name),
    mode: entry.mode,
    uid: entry.uid,
    gid: entry.gid,
    mtime: new Date(entry.mtime * 1000),
  }
  if (same !== undefined) {
    await put(pack, { ...header, type: 'link', linkname: join('tree', same) })
    into.entries.push({ ...entry, type: 'hardlink', link: same })
  } else if (found.type === 'file') {
    const read = await addFile(pack, found, header)
    if (read === undefined) return void into.changed.push(found.name)
    into.entries.push({ ...entry, size: read.size, sha256: read.sha256 })
    if (read.changed) into.changed.push(found.name)
  } else {
    const { link } = found
    await put(
      pack,
      link === undefined ? { ...header, type: 'directory' } : { ...header, type: 'symlink', linkname: link },
    )
    into.entries.push(entry)
  }
}

const put = (pack: Pack, header: Start): Promise<void> =>
  new Promise((resolve, reject) => {
    pack.entry(header, (error) => (error ? reject(error) : resolve()))
  })

/** Puts a file into the archive as long as it was at first: what has grown is cut, what has shrunk is filled with zeros. Undefined when it is gone. */
async function addFile(
  pack: Pack,
  { path, stats }: Found,
  header: Start,
): Promise<{ size: number; sha256: string; changed: boolean } | undefined> {
  const handle = await open(path, 'r').catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return undefined
    throw unreadable(error, path)
  })
  if (handle === undefined) return undefined
  try {
    const size = Number((await handle.stat({ bigint: true })).size)
    const hash = createHash('sha256')
    const isSparse = stats.blocks * 512n < stats.size
    await new Promise<void>((resolve, reject) => {
      const more = isSparse ? { pax: { [sparseMark]: '1' } } : {}
      const sink = pack.entry({ ...header, type: 'file', size, ...more }, (error) =>
        error ? reject(error) : resolve(),
      )
      void (async () => {
        for (let left = size; left > 0; ) {
          const buffer = Buffer.allocUnsafe(Math.min(left, 256 * 1024))
          const { bytesRead } = await handle.read(buffer, 0, buffer.length)
          const chunk = bytesRead === 0 ? buffer.fill(0) : buffer.subarray(0, bytesRead)
          left -= chunk.length
          hash.update(chunk)
          if (!sink.write(chunk)) await new Promise<void>((next) => sink.once('drain', () => next()))
        }
        sink.end(undefined)
      })().catch((error: unknown) => reject(unreadable(error, path)))
    })
    const after = await handle.stat({ bigint: true })
    const changed = after.size !== stats.size || after.mtimeNs !== stats.mtimeNs || after.ino !== stats.ino
    return { size, sha256: hash.digest('hex'), changed }
  } finally {
    await handle.close()
  }
}
