import { randomBytes } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { link, mkdir, open, readdir, rename, rm, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { type Failure, FailureError } from '../../model/failure.ts'
import { errorCode, fileFailure, isTemporaryName, removeTree, syncFolder } from '../../system/files.ts'
import type { Target } from './target.ts'

/** Backups below a folder of this machine (or one that is mounted). Files are 0600, folders 0700. */
export function folderTarget(path: string): Target {
  const at = (key: string) => join(path, key)
  return {
    name: path,
    folder: path,

    async list(prefix) {
      const found: { key: string; bytes: number }[] = []
      const walk = async (folder: string): Promise<void> => {
        const entries = await readdir(at(folder), { withFileTypes: true }).catch((error: unknown) => {
          if (errorCode(error) === 'ENOENT') return []
          throw targetFailure(error, 'read', at(folder))
        })
        for (const entry of entries) {
          const key = `${folder}${entry.name}`
          if (entry.isDirectory()) await walk(`${key}/`)
          else if (!isTemporaryName(entry.name)) {
            const size = await stat(at(key)).catch(() => undefined)
            // It was removed meanwhile.
            if (size) found.push({ key, bytes: size.size })
          }
        }
      }
      await walk(prefix)
      return found.sort((a, b) => (a.key < b.key ? -1 : 1))
    },

    async read(key) {
      const handle = await open(at(key), 'r').catch((error: unknown) => {
        if (errorCode(error) === 'ENOENT') return undefined
        throw targetFailure(error, 'read', at(key))
      })
      return handle && (createReadStream('', { fd: handle, highWaterMark: 1024 * 1024 }) as Readable)
    },

    async write(key, source, signal) {
      const target = at(key)
      const temporary = join(dirname(target), temporaryName(basename(target)))
      try {
        await makeFolder(dirname(target))
        const handle = await open(temporary, 'wx', 0o600)
        try {
          for await (const chunk of source) {
            signal.throwIfAborted()
            // write(2) may take less than all.
            for (let rest = chunk; rest.length > 0; ) rest = rest.subarray((await handle.write(rest)).bytesWritten)
          }
          signal.throwIfAborted()
          await handle.sync()
        } finally {
          await handle.close()
        }
        await rename(temporary, target)
        await syncFolder(dirname(target))
      } catch (error) {
        await unlink(temporary).catch(() => {})
        throw errorCode(error) === undefined ? error : targetFailure(error, 'written', target)
      }
    },

    async create(key, content) {
      const target = at(key)
      const temporary = join(dirname(target), temporaryName(basename(target)))
      try {
        await makeFolder(dirname(target))
        const handle = await open(temporary, 'wx', 0o600)
        try {
          await handle.writeFile(content)
          await handle.sync()
        } finally {
          await handle.close()
        }
        // Unlike rename(2), link(2) takes nobody's place.
        await link(temporary, target)
        await syncFolder(dirname(target))
        return true
      } catch (error) {
        if (errorCode(error) === 'EEXIST') return false
        throw errorCode(error) === undefined ? error : targetFailure(error, 'written', target)
      } finally {
        await unlink(temporary).catch(() => {})
      }
    },

    async remove(prefix) {
      await rm(at(`${prefix}manifest.json`), { force: true }).catch((error: unknown) => {
        throw targetFailure(error, 'removed', at(prefix))
      })
      await removeTree(at(prefix))
    },
  }
}

/** Hidden, unique, and recognised by `isTemporaryName`. */
const temporaryName = (name: string): string => `.${name}.${process.pid}-${randomBytes(6).toString('hex')}.ops-tmp`

/** Makes a folder with its parents, durably: a backup in a folder whose name is lost is lost. */
async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  for (let made = folder; ; made = dirname(made)) {
    await syncFolder(dirname(made))
    if (made === first || made === dirname(made)) return
  }
}

function targetFailure(error: unknown, done: string, path: string): FailureError {
  const failure: Failure = fileFailure(error, done, path)
  const next = failure.code === 'disk-full' ? [`df -h ${dirname(path)}`] : []
  return new FailureError({ ...failure, ...(next.length > 0 && { next }) })
}
