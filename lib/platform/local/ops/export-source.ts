import { randomBytes } from 'node:crypto'
import { mkdir, readdir, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { FailureError, failed, ok } from '../../../model/failure.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Handler } from '../../../model/platform.ts'
import { runCommand } from '../../../system/command.ts'
import { exists, fileFailure, readJson, removeTree, syncFolder, writeFileAtomic } from '../../../system/files.ts'
import type { LocalContext } from '../context.ts'
import { releaseFolder, releaseSourceFolder } from '../paths.ts'
import { exportSourceTo } from '../source.ts'

/** Beside the files: which commit they are. Written first, so that files without it are none of ours. */
type SourceRecord = { version: 1; commit: string }

/** Puts the files of a revision into the release's folder, all at once: beside it, then by a rename. */
export const exportSource = (local: LocalContext): Handler<'export-source'> => ({
  async run(op, { signal }) {
    const { release } = op.data
    if (await isThere(local, op)) return ok({ message: 'there already' })
    const home = releaseFolder(local.folder, local.environment, release)
    const destination = releaseSourceFolder(local.folder, local.environment, release)
    const temporary = join(home, `.source-${randomBytes(6).toString('hex')}`)
    try {
      await mkdir(home, { recursive: true })
      await removeLitter(home)
      const exported = await exportSourceTo(local.folder, op.data, temporary, signal)
      if (!exported.ok) return exported
      await syncFiles(temporary)
      const record: SourceRecord = { version: 1, commit: op.data.commit }
      await removeTree(destination)
      await writeFileAtomic(recordPath(local, release), `${JSON.stringify(record)}\n`)
      await rename(temporary, destination)
      await syncFolder(home)
      return ok({})
    } catch (error) {
      if (error instanceof FailureError || (error as NodeJS.ErrnoException).code === undefined) throw error
      return failed(fileFailure(error, 'written', destination))
    } finally {
      await removeTree(temporary)
    }
  },

  check: async (op) => ((await isThere(local, op)) ? 'done' : 'pending'),
})

async function isThere(local: LocalContext, { data: { release, commit } }: OpOf<'export-source'>): Promise<boolean> {
  const record = (await readJson(recordPath(local, release)).catch(() => undefined)) as SourceRecord | undefined
  return record?.commit === commit && (await exists(releaseSourceFolder(local.folder, local.environment, release)))
}

const recordPath = (local: LocalContext, release: number): string =>
  join(releaseFolder(local.folder, local.environment, release), 'source.json')

/** What exports that were killed have left. The environment's lock is ours, so nobody else writes here. */
async function removeLitter(home: string): Promise<void> {
  for (const name of await readdir(home)) if (name.startsWith('.source-')) await removeTree(join(home, name))
}

/** A rename may reach the disk before the files' content does. syncfs(2) in one call; where `sync -f` is not known, nothing. */
async function syncFiles(folder: string): Promise<void> {
  if (process.platform === 'linux') await runCommand(['sync', '-f', folder], { timeoutMs: 60_000 })
}
