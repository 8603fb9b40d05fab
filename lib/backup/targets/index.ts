import { resolve } from 'node:path'
import type { BackupTarget } from '../../model/backup.ts'
import { FailureError } from '../../model/failure.ts'
import type { SecretSource } from '../../model/platform.ts'
import type { SecretReference } from '../../model/secret.ts'
import { folderTarget } from './folder.ts'
import { s3Target } from './s3.ts'
import { sftpTarget } from './sftp.ts'
import type { Target } from './target.ts'

/** What targets are opened with. */
export type TargetContext = {
  /** The workspace's folder, to which paths are relative. */
  folder: string
  secrets: SecretSource
}

type Of<K extends BackupTarget['type']> = Extract<BackupTarget, { type: K }>

/** The kinds of targets: a new one is one file and one line here. */
const kinds = {
  folder: ({ path }: Of<'folder'>, { folder }) => folderTarget(resolve(folder, path)),
  s3: ({ prefix, accessKey, secretKey, ...place }: Of<'s3'>, { secrets }) =>
    s3Target(
      { ...place, accessKeyId: reveal(accessKey, secrets), secretAccessKey: reveal(secretKey, secrets) },
      prefix,
    ),
  sftp: ({ type: _, identity, knownHosts, ...place }: Of<'sftp'>, { folder }) =>
    sftpTarget({
      ...(place as { host: string; path: string; port?: number }),
      ...(identity === undefined ? {} : { identity: resolve(folder, identity) }),
      ...(knownHosts === undefined ? {} : { knownHosts: resolve(folder, knownHosts) }),
    }),
} satisfies { [K in BackupTarget['type']]: (target: Of<K>, context: TargetContext) => Target }

/** Opens a target. Nothing is looked at or made before it is used. Throws `secret-missing`. */
export function openTarget(target: BackupTarget, context: TargetContext): Target {
  return kinds[target.type](target as never, context)
}

function reveal(reference: SecretReference, secrets: SecretSource): string {
  const value = secrets.find(reference)
  if (value) return value.reveal()
  throw new FailureError({
    code: 'secret-missing',
    message: `the secret ${reference.secret} is not there, so the target of the backups cannot be reached`,
    next: [`add ${reference.secret} to the .env file of the environment`],
    outcome: 'unchanged',
  })
}
