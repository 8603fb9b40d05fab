import { statSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { writeFileAtomic } from '../system/files.ts'
import { type FileState, fileState, isRacy } from './manifest.ts'
import { countingVariables, listingMark, type NoteFile } from './noted.ts'

/** What a note is made from. */
export type NoteSource<Data> = {
  taskfile: string
  env: Readonly<Record<string, string | undefined>>
  /** Files and folders that were read, relative to the Taskfile's folder or absolute; they may be absent. */
  paths: readonly string[]
  /** Folders of which everything below counts. */
  trees: readonly string[]
  data: Data
}

/**
 * Keeps a note (noted.ts), where it can be compared later: nothing of it was changed shortly before this process began or since, and the Taskfile's tasks
 * are known without running it. That it cannot be written is no failure.
 */
export async function keepNote<Data>(path: string, source: NoteSource<Data>): Promise<void> {
  const { taskfile, env, paths, trees, data } = source
  const tasks = listingMark(taskfile)
  if (tasks === undefined) return
  const folder = dirname(taskfile)
  // What was changed since then may have been read before or after.
  const noted = Date.now() - process.uptime() * 1000
  const below = await Promise.all(trees.map((tree) => allBelow(folder, tree)))
  const all = new Set([...below.flat(), ...paths])
  const states = [...all].map((name): [string, FileState | null] => [
    name,
    stateOf(name.startsWith('/') ? name : join(folder, name)),
  ])
  if (states.some(([, state]) => state !== null && isRacy(state, noted))) return
  const note: NoteFile<Data> = { taskfile, tasks, variables: countingVariables(env), states, noted, data }
  try {
    await mkdir(dirname(path), { recursive: true })
    await writeFileAtomic(path, `${JSON.stringify(note)}\n`, { mode: 0o600 })
  } catch {}
}

async function allBelow(folder: string, path: string): Promise<string[]> {
  const entries = await readdir(join(folder, path), { withFileTypes: true }).catch(() => [])
  const inside = await Promise.all(
    entries.map((entry) => {
      const name = `${path}/${entry.name}`
      return entry.isDirectory() ? allBelow(folder, name) : [name]
    }),
  )
  return [path, ...inside.flat()]
}

function stateOf(path: string): FileState | null {
  const stats = statSync(path, { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? null : fileState(stats)
}
