import type { BackupFile } from '../model/backup.ts'
import { FailureError } from '../model/failure.ts'
import { damaged, decrypt } from './age.ts'
import { expand } from './codecs.ts'
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
  const key = `${prefix}${file.name}`
  const name = `${key} in ${target.name}`
  const raw = await target.read(key, signal)
  if (raw === undefined) throw missing(key, target)
  const stored = counter()
  const plain = counter()
  let stream: AsyncIterable<Uint8Array> = stored.through(raw)
  if (file.encrypted) stream = decrypt(stream, identities, name)
  stream = expand(file.codec, stream)
  try {
    for await (const chunk of plain.through(stream)) {
      signal?.throwIfAborted()
      yield chunk
    }
  } catch (error) {
    if (error instanceof FailureError || signal?.aborted) throw error
    throw damaged(name, (error as Error).message)
  }
  const found = stored.stored()
  if (found.bytes !== file.bytes)
    throw damaged(name, `it has ${found.bytes} bytes, and had ${file.bytes} when it was written`)
  if (found.sha256 !== file.sha256) throw damaged(name, 'its SHA-256 is not the one of the manifest')
  if (plain.sha256() !== file.plainSha256) throw damaged(name, 'it decrypts to something else than was written')
}

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
