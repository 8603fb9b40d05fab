import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { link, mkdir, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { failed, ok, type Result } from '../../model/failure.ts'
import type { SecretSource } from '../../model/platform.ts'
import { Secret, type SecretReference } from '../../model/secret.ts'
import { ensurePrivateFolder, exists, syncFolder, writeFileAtomic } from '../files.ts'
import { readPrivateFile } from './private-file.ts'

/**
 * The secret store of the local platform: a key under which secrets get their digests, and the values that releases need, by digest, so that a
 * rollback finds the value of its day. In a folder of mode 0700:
 *
 *     key                32 random octets in hexadecimal, mode 0600, made once
 *     values/<digest>    {"name": …, "value": …}, mode 0600
 */
export interface Keyring extends SecretSource {
  /** The key in hexadecimal, for where it is shared with other clones. */
  key(): string
  /** The secret's reference: 32 hexadecimal digits of HMAC-SHA256 over its name and value. Writes nothing. */
  digest(secret: Secret): SecretReference
  /** Writes the key, if it is new, and values that are not there yet. Failure: `keyring-changed` (another process made the key meanwhile). */
  keep(secrets: Iterable<Secret>): Promise<Result<void>>
  /** Every kept value, for redaction. */
  all(): Secret[]
  /** Removes the values that none of the references means. */
  prune(references: Iterable<SecretReference>): Promise<void>
}

/** Keys that this process made and has not written yet, by folder: planning again must come to the same digests. */
const unwritten = new Map<string, Buffer>()

/**
 * Opens the keyring of a folder. A folder without one gives a new key, which is written only by `keep`: what only looks leaves no trace.
 * Failures: `key-mode`, `key-damaged`.
 *
 * @param shared the key of a folder that has none yet, in hexadecimal: what another clone has left where the platform is
 */
export async function openKeyring(folder: string, shared?: string): Promise<Result<Keyring>> {
  const keyFile = join(folder, 'key')
  const valuesFolder = join(folder, 'values')
  const stored = await readPrivateFile(keyFile, 'key-mode')
  if (!stored.ok) return stored
  const text = stored.value?.toString('latin1').trim()
  if (text !== undefined && !/^[0-9a-f]{64}$/.test(text)) {
    return failed({
      code: 'key-damaged',
      message: `${keyFile} is no key`,
      place: { file: keyFile },
      why: 'without it, the secrets of earlier releases cannot be told apart',
      outcome: 'unchanged',
    })
  }
  const known = text ?? (shared !== undefined && /^[0-9a-f]{64}$/.test(shared) ? shared : undefined)
  const key = known === undefined ? (unwritten.get(folder) ?? randomBytes(32)) : Buffer.from(known, 'hex')
  if (text === undefined) unwritten.set(folder, key)

  const digest = (secret: Secret): SecretReference => ({
    secret: secret.name,
    digest: createHmac('sha256', key).update(`${secret.name}\0${secret.reveal()}`).digest('hex').slice(0, 32),
  })

  function read(name: string): Secret | undefined {
    try {
      const { name: secret, value } = JSON.parse(readFileSync(join(valuesFolder, name), 'utf8'))
      const found = new Secret(String(secret), String(value))
      // A damaged or foreign file is none.
      return sameText(digest(found).digest, name) ? found : undefined
    } catch {
      return undefined
    }
  }

  function kept(): string[] {
    try {
      return readdirSync(valuesFolder).filter((name) => /^[0-9a-f]{32}$/.test(name))
    } catch {
      return []
    }
  }

  async function writeKey(): Promise<Result<void>> {
    const hexadecimal = key.toString('hex')
    if (text !== undefined && (await exists(keyFile))) return ok(undefined)
    // A link to a complete file appears at once and never replaces another: of two processes one makes the key.
    const draft = join(folder, `key.${process.pid}-${randomBytes(6).toString('hex')}`)
    await writeFileAtomic(draft, `${hexadecimal}\n`, { mode: 0o600 })
    try {
      await link(draft, keyFile)
      await syncFolder(folder)
    } catch (error) {
      if ((error as { code?: string }).code !== 'EEXIST') throw error
      const present = await readPrivateFile(keyFile, 'key-mode')
      if (!present.ok) return present
      if (present.value?.toString('latin1').trim() !== hexadecimal) {
        return failed({
          code: 'keyring-changed',
          message: 'another command made the key of this workspace meanwhile',
          place: { file: keyFile },
          why: 'this plan was made without it',
          next: ['run the command again'],
          outcome: 'unchanged',
        })
      }
    } finally {
      await rm(draft, { force: true })
    }
    return ok(undefined)
  }

  return ok({
    digest,
    key: () => key.toString('hex'),
    all: () => kept().flatMap((name) => read(name) ?? []),
    find(reference) {
      if (!/^[0-9a-f]{32}$/.test(reference.digest)) return undefined
      const found = read(reference.digest)
      return found?.name === reference.secret ? found : undefined
    },
    async keep(secrets) {
      // The folder above is not private by itself.
      await mkdir(dirname(folder), { recursive: true })
      await ensurePrivateFolder(folder)
      await ensurePrivateFolder(valuesFolder)
      const written = await writeKey()
      if (!written.ok) return written
      for (const secret of secrets) {
        const name = digest(secret).digest
        if (read(name)) continue
        const content = JSON.stringify({ name: secret.name, value: secret.reveal() })
        await writeFileAtomic(join(valuesFolder, name), `${content}\n`, { mode: 0o600 })
      }
      return ok(undefined)
    },
    async prune(references) {
      const needed = new Set([...references].map((reference) => reference.digest))
      for (const name of kept()) if (!needed.has(name)) await rm(join(valuesFolder, name), { force: true })
    },
  })
}

const sameText = (left: string, right: string): boolean =>
  left.length === right.length && timingSafeEqual(Buffer.from(left), Buffer.from(right))
