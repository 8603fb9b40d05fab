import { realpath, stat } from 'node:fs/promises'
import { normalize, resolve } from 'node:path'
import type { BackupFile, ManifestSource } from '../../model/backup.ts'
import type { TakenOf } from '../../model/backup-sources.ts'
import { FailureError } from '../../model/failure.ts'
import { errorCode, exists } from '../../system/files.ts'
import { bestCodec } from '../codecs.ts'
import { storeFile } from '../store.ts'
import { type Archived, archiveTree } from '../tree/archive.ts'
import { unreadable } from '../tree/walk.ts'
import { type Taking, textStream } from './logical.ts'

/** How many names the manifest tells of those that changed or were left out. */
const mostNames = 100

/** Takes a folder as a tar archive, and a list of what is in it. Throws `FailureError`: what cannot be read fails the backup. */
export async function takeFolder(
  workspace: string,
  { name, path, exclude }: TakenOf<'folder'>,
  taking: Taking & { mayMiss: boolean },
): Promise<{ files: BackupFile[]; source: ManifestSource }> {
  const whole = resolve(workspace, path)
  const found = await stat(whole).catch((error: unknown) => {
    if (taking.mayMiss && errorCode(error) === 'ENOENT') return undefined
    throw unreadable(error, whole)
  })
  if (!found) return takeTree([], new Set(), { name, type: 'folder', path }, taking)
  if (!found.isDirectory()) throw new FailureError(noFolder(whole))
  const root = await realpath(whole)
  const left = new Set(exclude.map((one) => one.replace(/^\.\//, '').replace(/\/+$/, '')))
  return takeTree([{ path: root, name: '' }], left, { name, type: 'folder', path }, taking)
}

/** Takes the workspace's configuration. The caller has made sure that it is encrypted. */
export async function takeConfiguration(
  workspace: string,
  { name, paths }: TakenOf<'configuration'>,
  taking: Taking,
): Promise<{ files: BackupFile[]; source: ManifestSource }> {
  if (taking.recipients.length === 0) throw new FailureError(unencrypted)
  const roots: { path: string; name: string }[] = []
  for (const path of paths) {
    const whole = resolve(workspace, path)
    if (await exists(whole)) roots.push({ path: whole, name: nameIn(path) })
  }
  return takeTree(roots, new Set(), { name, type: 'configuration' }, taking)
}

/** What a path is called in an archive: an absolute one by all of it, one that leads upwards by `up`. */
const nameIn = (path: string): string =>
  normalize(path)
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .map((part) => (part === '..' ? 'up' : part))
    .join('/')

async function takeTree(
  roots: readonly { path: string; name: string }[],
  exclude: ReadonlySet<string>,
  source: ManifestSource,
  taking: Taking,
): Promise<{ files: BackupFile[]; source: ManifestSource }> {
  const store = (suffix: string, holds: BackupFile['holds'], content: AsyncIterable<Uint8Array>) =>
    storeFile(taking.copies, content, {
      prefix: taking.prefix,
      name: `${source.name}.${suffix}`,
      source: source.name,
      holds,
      codec: bestCodec(),
      recipients: taking.recipients,
      signal: taking.signal,
    })
  const archived: Archived = { format: 1, entries: [], changed: [], leftOut: [] }
  const tree = await store('tar', 'tree', archiveTree(roots, exclude, archived))
  const { changed, leftOut, ...contents } = archived
  const written = await store('contents.json', 'contents', textStream(JSON.stringify(contents)))
  for (const name of changed) taking.output(`${source.name}: ${name} changed while it was read`)
  for (const name of leftOut) taking.output(`${source.name}: ${name} is a socket, pipe or device, and is left out`)
  return {
    files: [tree, written],
    source: {
      ...source,
      entries: contents.entries.length,
      ...(changed.length > 0 && { changed: changed.slice(0, mostNames) }),
      ...(leftOut.length > 0 && { leftOut: leftOut.slice(0, mostNames) }),
    },
  }
}

const noFolder = (path: string) => ({
  code: 'not-a-folder',
  message: `${path} is no folder`,
  next: ['name a folder under `path` of the source'],
  outcome: 'unchanged' as const,
})

const unencrypted = {
  code: 'configuration-unencrypted',
  message: 'the configuration holds secrets, and is only backed up encrypted',
  next: ['name public keys under backup.recipients'],
  outcome: 'unchanged' as const,
}
