import { readFile } from 'node:fs/promises'
import type { ConnectionOptions } from 'node:tls'
import { type Failure, FailureError } from '../model/failure.ts'
import type { DatabaseTls } from '../model/platform.ts'
import { fileFailure } from '../system/files.ts'

/**
 * What the parameters of a database's address say of TLS, as libpq has them (https://www.postgresql.org/docs/current/libpq-connect.html): `sslmode` and
 * `sslrootcert`. Undefined: without it. A text is what is wrong.
 */
export function tlsOf(parameters: URLSearchParams): DatabaseTls | undefined | string {
  const mode = parameters.get('sslmode')
  const rootCertificate = parameters.get('sslrootcert')
  const unknown = ['sslcert', 'sslkey', 'sslcrl', 'sslpassword'].find((name) => parameters.has(name))
  if (unknown !== undefined) return `it has ${unknown}, which is not supported`
  if (mode === null || mode === 'disable' || mode === 'allow' || mode === 'prefer') {
    return rootCertificate === null ? undefined : 'it has sslrootcert, but its sslmode does not ask for TLS'
  }
  if (mode !== 'require' && mode !== 'verify-ca' && mode !== 'verify-full') {
    return `its sslmode is none of disable, allow, prefer, require, verify-ca, verify-full`
  }
  if (rootCertificate === null) {
    return mode === 'require' ? { mode } : `sslmode=${mode} needs sslrootcert=/absolute/path of the root certificate`
  }
  return rootCertificate.startsWith('/') ? { mode, rootCertificate } : 'its sslrootcert is no absolute path'
}

/** How TLS is spoken with a server. Failure `root-certificate-unread` (thrown). As with libpq, `require` with a root certificate is `verify-ca`. */
export async function tlsOptions({ mode, rootCertificate }: DatabaseTls): Promise<ConnectionOptions> {
  if (rootCertificate === undefined) return { rejectUnauthorized: false }
  let ca: Buffer
  try {
    ca = await readFile(rootCertificate)
  } catch (error) {
    throw new FailureError({
      ...fileFailure(error, 'read', rootCertificate),
      code: 'root-certificate-unread',
      next: ['mend sslrootcert in the address of the database'],
      outcome: 'unchanged',
    })
  }
  return { ca, rejectUnauthorized: true, ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }) }
}

/** The same for PostgreSQL's own programs. Without TLS asked for, they take what the server offers. */
export const tlsVariables = (tls: DatabaseTls | undefined): Record<string, string> => ({
  PGSSLMODE: tls?.mode ?? 'prefer',
  ...(tls?.rootCertificate === undefined ? {} : { PGSSLROOTCERT: tls.rootCertificate }),
})

/** The failure that an error of TLS is; undefined for other errors. */
export function tlsFailure(error: Error & { code?: string }, server: string): Failure | undefined {
  const next = ['look at sslmode and sslrootcert in the address of the database']
  if (/does not support SSL/.test(error.message)) {
    return {
      code: 'database-tls-refused',
      message: `the database on ${server} does not speak TLS`,
      why: 'its address asks for it (sslmode)',
      next,
    }
  }
  const isCertificate =
    /^(DEPTH_ZERO|SELF_SIGNED|UNABLE_TO_|CERT_|INVALID_|HOSTNAME_MISMATCH|ERR_TLS_|ERR_SSL_|ERR_OSSL_)/
  if (!isCertificate.test(error.code ?? '')) return undefined
  return {
    code: 'database-certificate-refused',
    message: `the certificate of the database on ${server} is not trusted`,
    why: `${error.message} (${error.code})`,
    next,
  }
}
