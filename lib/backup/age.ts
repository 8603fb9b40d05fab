import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'
import { FailureError } from '../model/failure.ts'

/**
 * age (age-encryption.org/v1) for files of any size. The header, with its recipients and its MAC, is the library's; the payload is the
 * format's STREAM over Node's own ChaCha20-Poly1305, which is ten times as fast as the library's JavaScript. Each 64 KiB
 * are authenticated, and the last chunk is marked: what is cut, reordered or changed does not decrypt.
 */

const chunkBytes = 64 * 1024
const tagBytes = 16
const nonceBytes = 16

/** Encrypts a stream for recipients (`age1…`). */
export async function* encrypt(
  source: AsyncIterable<Uint8Array>,
  recipients: readonly string[],
): AsyncGenerator<Buffer> {
  const { header, fileKey } = await makeHeader(recipients)
  yield header
  const nonce = randomBytes(nonceBytes)
  yield nonce
  const key = payloadKey(fileKey, nonce)
  let counter = 0n
  const seal = (chunk: Buffer, last: boolean) => {
    const cipher = createCipheriv('chacha20-poly1305', key, chunkNonce(counter++, last), { authTagLength: tagBytes })
    return Buffer.concat([cipher.update(chunk), cipher.final(), cipher.getAuthTag()])
  }
  for await (const { chunk, last } of chunks(source, chunkBytes)) yield seal(chunk, last)
}

/** Decrypts a stream with private keys (`AGE-SECRET-KEY-1…`). Throws `FailureError`: `backup-key-missing`, `backup-damaged`. */
export async function* decrypt(
  source: AsyncIterable<Uint8Array>,
  identities: readonly string[],
  name: string,
): AsyncGenerator<Buffer> {
  const iterator = source[Symbol.asyncIterator]()
  try {
    const { header, first } = await readHeader(iterator, name)
    const fileKey = await openHeader(header, identities, name)
    let key: Buffer | undefined
    let counter = 0n
    const body = withoutPrefix(resumed(first, iterator), nonceBytes, (nonce) => {
      key = payloadKey(fileKey, nonce)
    })
    for await (const { chunk, last } of chunks(body, chunkBytes + tagBytes)) {
      if (key === undefined || chunk.length < tagBytes) throw damaged(name, 'it ends too early')
      yield open(chunk, key, chunkNonce(counter++, last), name)
    }
  } finally {
    await iterator.return?.()
  }
}

function open(chunk: Buffer, key: Buffer, nonce: Buffer, name: string): Buffer {
  const decipher = createDecipheriv('chacha20-poly1305', key, nonce, { authTagLength: tagBytes })
  decipher.setAuthTag(chunk.subarray(chunk.length - tagBytes))
  const text = decipher.update(chunk.subarray(0, chunk.length - tagBytes))
  try {
    decipher.final()
  } catch {
    throw damaged(name, 'it was cut or changed')
  }
  return text
}

/** A new key pair, for a trial that needs nobody's key. */
export async function makeIdentity(): Promise<{ identity: string; recipient: string }> {
  const { generateIdentity, identityToRecipient } = await import('age-encryption')
  const identity = await generateIdentity()
  return { identity, recipient: await identityToRecipient(identity) }
}

/** The private keys in the text of a file of `age-keygen`. */
export const identitiesIn = (text: string): string[] =>
  text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line.startsWith('AGE-SECRET-KEY-'))

/** A file key, wrapped for the recipients by the library. */
async function makeHeader(recipients: readonly string[]): Promise<{ header: Buffer; fileKey: Uint8Array }> {
  const { Encrypter } = await import('age-encryption')
  const encrypter = new Encrypter()
  for (const recipient of recipients) encrypter.addRecipient(recipient)
  let fileKey: Uint8Array | undefined
  // It only looks at the key, and adds nothing to the header.
  encrypter.addRecipient({
    wrapFileKey: (key) => {
      fileKey = new Uint8Array(key)
      return []
    },
  })
  const empty = Buffer.from(await encrypter.encrypt(new Uint8Array(0)))
  if (fileKey === undefined) throw new Error('the library asked no recipient')
  return { header: empty.subarray(0, headerLength(empty) as number), fileKey }
}

async function openHeader(header: Buffer, identities: readonly string[], name: string): Promise<Uint8Array> {
  const { Decrypter } = await import('age-encryption')
  const decrypter = new Decrypter()
  for (const identity of identities) decrypter.addIdentity(identity)
  try {
    return await decrypter.decryptHeader(header)
  } catch (error) {
    const text = (error as Error).message
    if (!/no identity matched/.test(text)) throw damaged(name, text)
    throw new FailureError({
      code: 'backup-key-missing',
      message: `${name} is encrypted, and none of the ${identities.length} keys given opens it`,
      next: ['the same command with --identity FILE, the file that age-keygen wrote'],
      outcome: 'unchanged',
    })
  }
}

/** The header ends with the line of its MAC: `--- ` and 43 characters of base64 (age-encryption.org/v1). */
function headerLength(bytes: Buffer): number | undefined {
  const mac = bytes.indexOf('\n--- ')
  if (mac < 0) return undefined
  const end = bytes.indexOf(0x0a, mac + 1)
  return end < 0 ? undefined : end + 1
}

const longestHeader = 64 * 1024

async function readHeader(
  iterator: AsyncIterator<Uint8Array>,
  name: string,
): Promise<{ header: Buffer; first: Buffer }> {
  let bytes: Buffer = Buffer.alloc(0)
  for (;;) {
    const next = await iterator.next()
    if (next.done) throw damaged(name, 'it ends within its header')
    bytes = Buffer.concat([bytes, next.value])
    if (!'age-encryption.org/v1\n'.startsWith(bytes.subarray(0, 22).toString('latin1'))) {
      throw damaged(name, 'it does not begin as an encrypted file does')
    }
    const length = headerLength(bytes)
    if (length !== undefined) return { header: bytes.subarray(0, length), first: bytes.subarray(length) }
    if (bytes.length > longestHeader) throw damaged(name, 'its header does not end')
  }
}

async function* resumed(first: Uint8Array, iterator: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  yield first
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value
}

const payloadKey = (fileKey: Uint8Array, nonce: Uint8Array): Buffer =>
  Buffer.from(hkdfSync('sha256', fileKey, nonce, 'payload', 32))

/** 11 bytes of counter, 1 that says whether the chunk is the last one. */
function chunkNonce(counter: bigint, last: boolean): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64BE(counter, 3)
  nonce[11] = last ? 1 : 0
  return nonce
}

/** Cuts a stream into chunks of `size`; the last one, which may be shorter, is marked. An empty stream is one empty last chunk. */
async function* chunks(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<{ chunk: Buffer; last: boolean }> {
  let held: Buffer[] = []
  let length = 0
  for await (const part of source) {
    held.push(Buffer.from(part.buffer, part.byteOffset, part.byteLength))
    length += part.length
    if (length <= size) continue
    const all = Buffer.concat(held)
    let at = 0
    // A full chunk is held back until more comes: only then it is not the last one.
    for (; all.length - at > size; at += size) yield { chunk: all.subarray(at, at + size), last: false }
    held = [all.subarray(at)]
    length = all.length - at
  }
  yield { chunk: Buffer.concat(held), last: true }
}

async function* withoutPrefix(
  source: AsyncIterable<Uint8Array>,
  size: number,
  take: (prefix: Buffer) => void,
): AsyncGenerator<Uint8Array> {
  let prefix: Buffer | undefined = Buffer.alloc(0)
  for await (const part of source) {
    if (prefix === undefined) {
      yield part
      continue
    }
    prefix = Buffer.concat([prefix, part])
    if (prefix.length < size) continue
    take(prefix.subarray(0, size))
    yield prefix.subarray(size)
    prefix = undefined
  }
}

/** The failure of a file that is not what was written. */
export const damaged = (name: string, why: string): FailureError =>
  new FailureError({
    code: 'backup-damaged',
    message: `${name} is damaged`,
    why,
    next: ['task backup check', 'restore another backup, or this one from another target'],
    outcome: 'unchanged',
  })
