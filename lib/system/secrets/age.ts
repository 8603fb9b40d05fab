import { readFile } from 'node:fs/promises'
import { type Failure, failed, type Result } from '../../model/failure.ts'
import { errorCode, fileFailure } from '../files.ts'
import { asText, secretsInText } from './env-text.ts'
import { configuredPath, readPrivateFile } from './private-file.ts'
import type { ProviderDefinition } from './provider.ts'

/**
 * Values from a file of NAME=value lines that is encrypted with age (age-encryption.org/v1, binary or armored) and may be committed. Failures:
 * `secret-file-missing`, `identity-missing`, `identity-mode`, `secret-decryption-failed`, those of the lines.
 */
export const ageProvider: ProviderDefinition<'age'> = {
  allSecret: true,
  async read(provider, { folder }) {
    const path = configuredPath(folder, provider.path)
    const identity = await readIdentity(configuredPath(folder, provider.identity))
    if (!identity.ok) return identity
    let encrypted: Buffer
    try {
      encrypted = await readFile(path)
    } catch (error) {
      const missing = errorCode(error) === 'ENOENT' && { code: 'secret-file-missing', message: `${path} is missing` }
      return failed({ ...fileFailure(error, 'read', path), ...missing, outcome: 'unchanged' })
    }
    const text = await decrypt(encrypted, identity.value, path)
    return text.ok ? secretsInText(path, text.value) : text
  },
}

async function readIdentity(path: string): Promise<Result<string[]>> {
  const octets = await readPrivateFile(path, 'identity-mode')
  if (!octets.ok) return octets
  const keys = (octets.value?.toString('utf8') ?? '')
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'))
  if (keys.length > 0) return { ok: true, value: keys }
  return failed({
    code: 'identity-missing',
    message: `${path} holds no key to decrypt with`,
    place: { file: path },
    next: [`age-keygen -o ${path}`],
    outcome: 'unchanged',
  })
}

async function decrypt(encrypted: Uint8Array, identities: readonly string[], path: string): Promise<Result<string>> {
  // Imported late: only who uses it pays for it.
  const { armor, Decrypter } = await import('age-encryption')
  try {
    const decrypter = new Decrypter()
    for (const identity of identities) decrypter.addIdentity(identity)
    const head = Buffer.from(encrypted.subarray(0, 64)).toString('latin1').trimStart()
    const binary = head.startsWith('-----BEGIN AGE')
      ? armor.decode(Buffer.from(encrypted).toString('latin1'))
      : encrypted
    return asText(await decrypter.decrypt(binary), path)
  } catch (error) {
    return failed(notDecrypted(path, error as Error))
  }
}

function notDecrypted(path: string, error: Error): Failure {
  return {
    code: 'secret-decryption-failed',
    message: `${path} could not be decrypted`,
    place: { file: path },
    // The library's messages name formats and recipients, never keys or content.
    why: error.message,
    outcome: 'unchanged',
  }
}
