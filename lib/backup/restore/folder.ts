import { mkdir, rename } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { FailureError } from '../../model/failure.ts'
import type { OpData } from '../../model/op.ts'
import type { OpContext, OpResult } from '../../model/platform.ts'
import { errorCode, exists, fileFailure, syncFolder } from '../../system/files.ts'
import type { BackupPorts } from '../context.ts'
import { openBackup } from '../open.ts'
import { compareTrees, readTree, treeContentsSchema } from '../tree/contents.ts'
import { recordedContents } from './files.ts'
import { stamp } from './switch.ts'
import { extractTree, isRoot } from './tree.ts'

/** Where a restored folder waits until it is put in place: beside it, so that it is on the same disk. */
const waitingFor = (path: string): string => join(dirname(path), `.${basename(path)}.ops-restored`)

/** Restores a folder beside what is there, or to where it stays, and compares it. Throws `FailureError`. */
export async function restoreFiles(
  ports: BackupPorts,
  data: OpData<'restore-files'>,
  context: OpContext,
): Promise<OpResult> {
  const opened = await openBackup(ports, data, context)
  const { source, into, path } = data
  const folder = into === null ? waitingFor(resolve(ports.folder, path)) : resolve(ports.folder, into)
  const contents = await recordedContents(opened, source, treeContentsSchema)
  await mkdir(dirname(folder), { recursive: true, mode: into === null ? 0o755 : 0o700 })
  await extractTree(opened, source, folder)
  const { compared, differences } = compareTrees(contents, await readTree(folder), { owners: isRoot })
  if (differences.length > 0) {
    throw new FailureError({
      code: 'backup-differs',
      message: `${source} of backup ${data.backup} restores to something else than was backed up; what is there was not touched`,
      lines: differences.slice(0, 20),
      next: ['restore another backup: task backups', `look at what came of it: ${folder}`],
    })
  }
  const where = into === null ? '' : ` into ${folder}`
  return { message: `${compared.files} files in ${compared.folders} folders restored${where} and compared` }
}

/** Puts a restored folder in place. A failure leaves the old one under its own name. Throws `FailureError`. */
export async function switchFiles(ports: BackupPorts, { path }: OpData<'switch-files'>): Promise<OpResult> {
  const current = resolve(ports.folder, path)
  const waiting = waitingFor(current)
  if (!(await exists(waiting))) {
    throw new FailureError({
      code: 'changed-meanwhile',
      message: `there is no ${waiting}, which was to be put in place`,
      outcome: 'unchanged',
      next: ['run the command again'],
    })
  }
  const kept = `${current}.before-${stamp()}`
  const replaced = await exists(current)
  if (replaced) {
    await rename(current, kept).catch((error: unknown) => {
      throw new FailureError(cannotRename(error, current, waiting))
    })
  }
  try {
    await rename(waiting, current)
  } catch (error) {
    if (replaced) await rename(kept, current).catch(() => {})
    throw new FailureError(cannotRename(error, current, waiting))
  }
  await syncFolder(dirname(current))
  return {
    message: replaced ? `the old one is ${kept}; remove it when it is not needed any more` : 'there was none before',
  }
}

const cannotRename = (error: unknown, path: string, waiting: string) => ({
  ...fileFailure(error, 'renamed', path),
  ...(errorCode(error) === 'EBUSY' && {
    why: 'something is mounted there, so it cannot change places',
    next: [`copy what was restored into it: rsync -aHS --delete ${waiting}/ ${path}/`],
  }),
})
