import {
  closeSync,
  fstatSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmdirSync,
  rmSync,
  unlinkSync,
} from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { eventsName, isTaskRunId, keptTaskRuns, type RecordEntry, runsFolderOf } from './files.ts'

/** So many more than are kept may be there: to look at one and remove it at the end of every run would take longer than a small task. */
const spare = 20

/** Removes the oldest task runs beyond those that are kept, but none that goes on, and not `own`. What cannot be removed stays. */
export function pruneTaskRuns(ops: string, own: string): void {
  try {
    const folder = runsFolderOf(ops)
    const ids = readdirSync(folder).filter(isTaskRunId)
    if (ids.length <= keptTaskRuns + spare) return
    for (const id of ids.sort().slice(0, ids.length - keptTaskRuns)) {
      if (id !== own && !goesOn(join(folder, id))) remove(join(folder, id))
    }
  } catch {
    // Another one's files, or another one that removes them right now.
  }
}

/** Most runs have no logs; Node's own way to remove folders takes four times as long. */
function remove(folder: string): void {
  try {
    unlinkSync(join(folder, eventsName))
    rmdirSync(folder)
  } catch {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Whether a run has not said that it ended, and a process of its pid lives on this machine. */
function goesOn(folder: string): boolean {
  const path = join(folder, eventsName)
  try {
    if (endOf(path).includes('"type":"run-ended"')) return false
    const entries = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => /"type":"(task-run|process)"/.test(line))
    const parsed = entries.map((line) => JSON.parse(line) as RecordEntry)
    const header = parsed.find((entry) => entry.type === 'task-run')
    const own = parsed.find((entry) => entry.type === 'process')
    if (!own || header?.host !== hostname()) return false
    process.kill(own.pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

function endOf(path: string): string {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const bytes = Buffer.alloc(Math.min(size, 512))
    readSync(file, bytes, 0, bytes.length, size - bytes.length)
    return bytes.toString()
  } finally {
    closeSync(file)
  }
}
