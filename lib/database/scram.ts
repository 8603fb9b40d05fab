import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto'

/** PostgreSQL's default (scram_iterations); RFC 7677 asks for at least this many. */
const defaultIterations = 4096

/**
 * What PostgreSQL keeps of a password (RFC 5803: `SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey`). Made here, so that the password itself
 * is in no SQL statement and therefore in no log of the server.
 */
export function scramVerifier(
  password: string,
  salt: Uint8Array = randomBytes(16),
  iterations: number = defaultIterations,
): string {
  const salted = pbkdf2Sync(prepared(password), salt, iterations, 32, 'sha256')
  const storedKey = createHash('sha256').update(hmac(salted, 'Client Key')).digest('base64')
  const serverKey = hmac(salted, 'Server Key').toString('base64')
  return `SCRAM-SHA-256$${iterations}:${Buffer.from(salt).toString('base64')}$${storedKey}:${serverKey}`
}

/** Whether a password is the one of a verifier that PostgreSQL keeps; false for other methods (md5). */
export function fitsVerifier(password: string, verifier: string): boolean {
  const [, iterations, salt] = /^SCRAM-SHA-256\$(\d+):([^$]+)\$[^:]+:.+$/.exec(verifier) ?? []
  if (iterations === undefined || salt === undefined) return false
  const own = Buffer.from(scramVerifier(password, Buffer.from(salt, 'base64'), Number(iterations)))
  const other = Buffer.from(verifier)
  return own.length === other.length && timingSafeEqual(own, other)
}

function hmac(key: Uint8Array, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest()
}

/** SASLprep's mapping and normalisation (RFC 4013 2.1, 2.2), as libpq does it before it hashes. ASCII stays as it is. */
function prepared(password: string): string {
  return password
    .replace(/[\u00a0\u1680\u2000-\u200b\u202f\u205f\u3000]/g, ' ')
    .replace(/\u00ad|\u034f|\u1806|[\u180b-\u180d]|\u200c|\u200d|\u2060|[\ufe00-\ufe0f]|\ufeff/g, '')
    .normalize('NFKC')
}
