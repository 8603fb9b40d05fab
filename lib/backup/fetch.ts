import { createReadStream, createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { BackupFile } from '../model/backup.ts'
import { FailureError } from '../model/failure.ts'
import { errorCode } from '../system/files.ts'
import { damaged, decrypt } from './age.ts'
import { expand, fileExpander } from './codecs.ts'
import { counter } from './store.ts'
import type { Target } from './targets/target.ts'

/**
 * The content of a backup's file, decrypted and expanded. Both digests are compared at the end: whoever reads must not use what came before
 * a failure. Throws `FailureError`: `backup-incomplete`, `backup-damaged`, `backup-key-missing`, those of the target.
 */
export async function* fetchFile(
  target: Target,
  prefix: string,
  file: BackupFile,
  identities: readonly string[],
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { name, stream, compareStored } = await openStored(target, prefix, file, identities, signal)
  const plain = counter()
  try {
    for await (const chunk of plain.through(expand(file.codec, stream))) {
      signal?.throwIfAborted()
      yield chunk
    }
  } catch (error) {
    if (error instanceof FailureError || signal?.aborted) throw error
    throw damaged(name, (error as Error).message)
  }
  compareStored()
  comparePlain(name, file, plain)
}

/**
 * Writes the content of a backup's file to the disk, decrypted and expanded; the file is not there yet. When this resolves, it is what was written into the
 * backup. Throws what `fetchFile` throws, and errors of the file system.
 */
export async function fetchToFile(
  target: Target,
  prefix: string,
  file: BackupFile,
  identities: readonly string[],
  path: string,
  signal: AbortSignal,
): Promise<void> {
  const expandTo = fileExpander(file.codec)
  if (expandTo === undefined) {
    return pipeline(fetchFile(target, prefix, file, identities, signal), createWriteStream(path, { mode: 0o600 }))
  }
  const { name, stream, compareStored } = await openStored(target, prefix, file, identities, signal)
  try {
    await expandTo(stream, path)
  } catch (error) {
    if (error instanceof FailureError || signal.aborted || errorCode(error) !== undefined) throw error
    throw damaged(name, (error as Error).message)
  }
  compareStored()
  if (file.plainSha256 === undefined) {
    if (sizeDiffers(file, (await stat(path)).size)) throw otherContent(name)
    return
  }
  const plain = counter()
  for await (const _ of plain.through(createReadStream(path))) signal.throwIfAborted()
  comparePlain(name, file, plain)
}

/** What lies in a target, decrypted, and the comparison that is due when all of it was read. */
async function openStored(
  target: Target,
  prefix: string,
  file: BackupFile,
  identities: readonly string[],
  signal?: AbortSignal,
) {
  const key = `${prefix}${file.name}`
  const name = `${key} in ${target.name}`
  const raw = await target.read(key, signal)
  if (raw === undefined) throw missing(key, target)
  const stored = counter()
  const bytes = stored.through(untilAborted(raw, signal))
  return {
    name,
    stream: file.encrypted ? decrypt(bytes, identities, name) : bytes,
    compareStored() {
      const found = stored.stored()
      if (found.bytes !== file.bytes)
        throw damaged(name, `it has ${found.bytes} bytes, and had ${file.bytes} when it was written`)
      if (found.sha256 !== file.sha256) throw damaged(name, 'its SHA-256 is not the one of the manifest')
    },
  }
}

async function* untilAborted(source: AsyncIterable<Uint8Array>, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for await (const chunk of source) {
    signal?.throwIfAborted()
    yield chunk
  }
}

function comparePlain(name: string, file: BackupFile, plain: ReturnType<typeof counter>): void {
  if (file.plainSha256 === undefined ? sizeDiffers(file, plain.bytes()) : plain.sha256() !== file.plainSha256)
    throw otherContent(name)
}

const sizeDiffers = ({ plainBytes }: BackupFile, bytes: number): boolean =>
  plainBytes !== undefined && plainBytes !== bytes

const otherContent = (name: string): FailureError => damaged(name, 'it decrypts to something else than was written')

/** A small file as text. */
export async function fetchText(...given: Parameters<typeof fetchFile>): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of fetchFile(...given)) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

/**
 * Reads a file through as it lies there and compares size and digest. Needs no key; with one an encrypted file is decrypted, too, which proves that it can
 * be, each part of it.
 */
export async function checkStored(
  target: Target,
  prefix: string,
  file: BackupFile,
  signal?: AbortSignal,
  identities: readonly string[] = [],
): Promise<void> {
  const key = `${prefix}${file.name}`
  const raw = await target.read(key, signal)
  if (raw === undefined) throw missing(key, target)
  const stored = counter()
  const name = `${key} in ${target.name}`
  const bytes = stored.through(raw)
  const read = file.encrypted && identities.length > 0 ? decrypt(bytes, identities, name) : bytes
  for await (const _ of read) signal?.throwIfAborted()
  if (stored.bytes() !== file.bytes)
    throw damaged(name, `it has ${stored.bytes()} bytes, and had ${file.bytes} when it was written`)
  if (stored.sha256() !== file.sha256) throw damaged(name, 'its SHA-256 is not the one of the manifest')
}

const missing = (key: string, target: Target): FailureError =>
  new FailureError({
    code: 'backup-incomplete',
    message: `${key} is not in ${target.name}, although the manifest names it`,
    next: ['task backup check', 'restore another backup, or this one from another target'],
    outcome: 'unchanged',
  })
