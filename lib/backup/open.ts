import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { BackupTarget } from '../model/backup.ts'
import { FailureError } from '../model/failure.ts'
import type { SecretSource } from '../model/platform.ts'
import { fileFailure } from '../system/files.ts'
import { identitiesIn } from './age.ts'
import { backupPrefix, findBackup, readCatalogue } from './catalogue.ts'
import type { BackupPorts } from './context.ts'
import type { Opened } from './restore/files.ts'
import { openTarget } from './targets/index.ts'

/** Which backup, and where it may be. */
export type BackupPlace = {
  backup: number
  /** The digest of its manifest when the plan was made. */
  manifest: string
  targets: readonly BackupTarget[]
  /** A file with private keys; relative to the workspace. */
  identity: string | null
}

/** Opens a backup to read it. Throws `changed-meanwhile` where it is another one by now, and what `findBackup` and `readIdentities` throw. */
export async function openBackup(
  ports: Pick<BackupPorts, 'workspace' | 'environment' | 'folder'>,
  place: BackupPlace,
  { signal, secrets }: { signal: AbortSignal; secrets: SecretSource },
): Promise<Opened> {
  const targets = place.targets.map((target) => openTarget(target, { folder: ports.folder, secrets }))
  const { entries, failures } = await readCatalogue(targets, ports)
  const [failure] = failures
  if (failure && entries.length === 0) throw new FailureError(failure.failure)
  const entry = findBackup(entries, place.backup, ports.environment)
  if (entry.manifest.digest !== place.manifest) {
    throw new FailureError({
      code: 'changed-meanwhile',
      message: `backup ${place.backup} is another one than when the plan was made`,
      outcome: 'unchanged',
      next: ['run the command again, and look at its plan'],
    })
  }
  const having = targets.filter(({ name }) => entry.targets.includes(name))
  const encrypted = entry.manifest.files.some((file) => file.encrypted)
  const identities = encrypted ? await readIdentities(ports.folder, place.identity, entry.manifest.recipients) : []
  return { manifest: entry.manifest, prefix: backupPrefix(ports, place.backup), targets: having, identities, signal }
}

/** The private keys in a file. Throws `backup-key-missing` where there is none. */
export async function readIdentities(
  folder: string,
  identity: string | null,
  recipients: readonly string[],
): Promise<string[]> {
  if (identity === null) {
    throw new FailureError({
      code: 'backup-key-missing',
      message: 'the backup is encrypted, and no private key was named',
      why: `it is for ${recipients.join(', ')}`,
      next: ['the same command with --identity FILE, the file that age-keygen wrote'],
      outcome: 'unchanged',
    })
  }
  const path = resolve(folder, identity)
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw new FailureError({ ...fileFailure(error, 'read', path), outcome: 'unchanged' })
  })
  const found = identitiesIn(text)
  if (found.length > 0) return found
  throw new FailureError({
    code: 'backup-key-missing',
    message: `${path} holds no private key of age`,
    place: { file: path },
    next: ['name the file that age-keygen wrote'],
    outcome: 'unchanged',
  })
}
