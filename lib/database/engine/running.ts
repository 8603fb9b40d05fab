import { readdir, readFile, readlink, realpath, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { runCommand } from '../../system/command.ts'
import { errorCode } from '../../system/files.ts'

/**
 * The pid of the server that works on a data folder; undefined if none does. Its first process while that lives, else one of its children: they
 * too must be gone before a new start.
 */
export async function runningServer(dataFolder: string): Promise<number | undefined> {
  const pids = await serverProcesses(dataFolder)
  const first = await lockPid(dataFolder)
  return first !== undefined && pids.includes(first) ? first : pids[0]
}

/**
 * Ends the server that works on a data folder (left by a supervisor that died): fast shutdown, after the grace KILL, which the next start
 * recovers from. Resolves when no process of it is left; false if one still is, 30 seconds after the KILL: a disk that is busy keeps one that long.
 */
export async function endServer(dataFolder: string, graceMs = 10_000): Promise<boolean> {
  const deadline = performance.now() + graceMs
  let signalled: number | undefined
  for (;;) {
    const pids = await serverProcesses(dataFolder)
    if (pids.length === 0) return true
    const rest = deadline - performance.now()
    const first = await lockPid(dataFolder)
    if (rest <= 0) {
      for (const pid of pids) send(pid, 'SIGKILL')
      if (rest < -30_000) return false
    } else if (first !== undefined && pids.includes(first) && signalled !== first) {
      send(first, 'SIGINT')
      signalled = first
    }
    await pause(50)
  }
}

function send(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch (error) {
    if (errorCode(error) !== 'ESRCH') throw error
  }
}

/**
 * Removes a lock file that names a process which is no server of this folder. PostgreSQL itself only overrides it when the pid is free; a pid
 * that somebody else has got keeps it from starting (miscinit.c, CreateLockFile). Call it only when `runningServer` found none.
 */
export async function removeStalePid(dataFolder: string): Promise<void> {
  if ((await lockPid(dataFolder)) !== undefined) await rm(join(dataFolder, 'postmaster.pid'), { force: true })
}

/** The pid in the first line of postmaster.pid. */
async function lockPid(dataFolder: string): Promise<number | undefined> {
  const text = await readFile(join(dataFolder, 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Math.abs(Number.parseInt(text, 10))
  return Number.isNaN(pid) ? undefined : pid
}

/** Every process of a server has its data folder as working folder, from before it opens a file there (postmaster.c). */
async function serverProcesses(dataFolder: string): Promise<number[]> {
  // The system shows the folder without links in its path (macOS: /tmp is one).
  const folder = await realpath(dataFolder).catch(() => dataFolder)
  if (process.platform !== 'linux') return serverProcessesByLsof(folder)
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(
    pids.map(async (pid) => {
      const working = await readlink(`/proc/${pid}/cwd`).catch(() => undefined)
      return working === folder && (await isServer(pid)) ? Number(pid) : undefined
    }),
  )
  return found.filter((pid) => pid !== undefined)
}

async function isServer(pid: string): Promise<boolean> {
  const program = await readlink(`/proc/${pid}/exe`).catch(() => undefined)
  // One that is just ending has no program any more, but its working folder, and with it the shared memory that the next server is refused for.
  if (program === undefined) return true
  // After an update of the package the running program's file is `… (deleted)`.
  return /\/(postgres|postmaster)( \(deleted\))?$/.test(program)
}

async function serverProcessesByLsof(dataFolder: string): Promise<number[]> {
  const answer = await runCommand(['lsof', '-a', '-c', 'postgres', '-d', 'cwd', '-F', 'pn'])
  if (!answer.ok) return []
  return parseLsof(answer.value.stdout, dataFolder)
}

/** The pids in the output of `lsof -F pn` whose working folder is the given one. */
export function parseLsof(text: string, folder: string): number[] {
  const pids: number[] = []
  let pid = 0
  for (const line of text.split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1))
    if (line === `n${folder}`) pids.push(pid)
  }
  return pids
}
