import { rm } from 'node:fs/promises'
import type { z } from 'zod'
import type { BackupFile, BackupManifest } from '../../model/backup.ts'
import { type Failure, FailureError } from '../../model/failure.ts'
import { errorCode, fileFailure } from '../../system/files.ts'
import { damaged } from '../age.ts'
import { type Contents, contentsSchema } from '../contents.ts'
import { fetchText, fetchToFile } from '../fetch.ts'
import { failureOf } from '../store.ts'
import type { Target } from '../targets/target.ts'

/** A backup as it is read: from the first of its targets that has it whole. */
export type Opened = {
  manifest: BackupManifest
  prefix: string
  targets: readonly Target[]
  identities: readonly string[]
  signal: AbortSignal
}

/** The file of a source that holds something. Throws `backup-incomplete`. */
export function fileOf({ manifest }: Opened, source: string, holds: BackupFile['holds'], name = ''): BackupFile {
  const file = manifest.files.find((one) => one.source === source && one.holds === holds && one.name.includes(name))
  if (file) return file
  throw new FailureError({
    code: 'backup-incomplete',
    message: `backup ${manifest.number} has no ${holds} of ${source}`,
    outcome: 'unchanged',
  })
}

/** What was in a database when the backup was taken. */
export const contentsOf = (opened: Opened, source: string): Promise<Contents> =>
  recordedContents(opened, source, contentsSchema)

/** What was in a source when the backup was taken. Throws `backup-damaged` where it is something else. */
export async function recordedContents<T>(opened: Opened, source: string, schema: z.ZodType<T>): Promise<T> {
  const file = fileOf(opened, source, 'contents')
  const text = await firstThatWorks(opened, (target) =>
    fetchText(target, opened.prefix, file, opened.identities, opened.signal),
  )
  const parsed = schema.safeParse(JSON.parse(text))
  if (!parsed.success) throw damaged(file.name, 'it does not hold what was there')
  return parsed.data
}

/** Brings a file of a backup to the disk, decrypted and expanded. When this resolves, it is what was written. */
export function fetchTo(opened: Opened, file: BackupFile, path: string): Promise<void> {
  return firstThatWorks(opened, async (target) => {
    await rm(path, { force: true })
    await fetchToFile(target, opened.prefix, file, opened.identities, path, opened.signal)
  })
}

/** A small file as text. */
export const textOf = (opened: Opened, file: BackupFile): Promise<string> =>
  firstThatWorks(opened, (target) => fetchText(target, opened.prefix, file, opened.identities, opened.signal))

const unwritable = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EACCES', 'EPERM'])

/** Tries one target after the other; the failures of all, when none works. */
export async function firstThatWorks<T>(opened: Opened, use: (target: Target) => Promise<T>): Promise<T> {
  const failures: Failure[] = []
  for (const target of opened.targets) {
    try {
      return await use(target)
    } catch (error) {
      if (opened.signal.aborted) throw error
      // Where it was to go is full, or cannot be written: no target is to blame.
      if (unwritable.has(errorCode(error) ?? '')) {
        throw new FailureError(fileFailure(error, 'written', (error as { path?: string }).path ?? 'what is restored'))
      }
      failures.push(failureOf(error, target))
    }
  }
  throw new FailureError(...(failures as [Failure]))
}
