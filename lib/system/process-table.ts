import { readdirSync, readFileSync } from 'node:fs'

/** A process as the system's process table has it. */
export type ProcessEntry = {
  pid: number
  parent: number
  /** Its process group's id, which is its leader's pid. */
  group: number
  /** Its session's id; 0 where the system does not tell (macOS). */
  session: number
  /** Ended, but not yet collected by its parent. */
  zombie: boolean
  /** When it started: clock ticks since boot on Linux (proc(5), field 22), a date in UTC with seconds on macOS. Compare for equality. */
  startTime: string
}

/** /proc is read synchronously: it is memory, a whole scan takes about 3 ms, and a scan spread over ticks sees less. */
const hasProc = process.platform === 'linux'

/** One process; undefined if there is none with that pid. */
export async function readProcess(pid: number): Promise<ProcessEntry | undefined> {
  if (hasProc) return readProcEntry(pid)
  return (await psEntries(['-p', String(pid)]))[0]
}

/** Every process that can be seen. */
export async function listProcesses(): Promise<ProcessEntry[]> {
  if (!hasProc) return psEntries(['-ax'])
  const entries: ProcessEntry[] = []
  for (const pid of procPids()) {
    const entry = readProcEntry(pid)
    if (entry) entries.push(entry)
  }
  return entries
}

function procPids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
}

function readProcEntry(pid: number): ProcessEntry | undefined {
  const text = readQuietly(`/proc/${pid}/stat`)
  return text === undefined ? undefined : parseStat(text)
}

function readQuietly(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

/** Parses `/proc/<pid>/stat`. The name in parentheses may itself hold spaces and parentheses: fields count from the last one. */
export function parseStat(text: string): ProcessEntry | undefined {
  const after = text.lastIndexOf(') ')
  if (after < 0) return undefined
  const fields = text.slice(after + 2).split(' ')
  const [state, parent, group, session] = fields
  const startTime = fields[19]
  if (state === undefined || startTime === undefined) return undefined
  return {
    pid: Number.parseInt(text, 10),
    parent: Number(parent),
    group: Number(group),
    session: Number(session),
    zombie: state === 'Z' || state === 'X',
    startTime,
  }
}

/** Parses the lines of `ps -o pid=,ppid=,pgid=,stat=,lstart=`. */
export function parsePs(text: string): ProcessEntry[] {
  const entries: ProcessEntry[] = []
  for (const line of text.split('\n')) {
    const match = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.*\S)\s*$/.exec(line)
    if (!match) continue
    const [, pid, parent, group, state, startTime] = match as unknown as [
      string,
      string,
      string,
      string,
      string,
      string,
    ]
    entries.push({
      pid: Number(pid),
      parent: Number(parent),
      group: Number(group),
      session: 0,
      zombie: state.startsWith('Z'),
      startTime: startTime.replace(/\s+/g, ' '),
    })
  }
  return entries
}

async function psEntries(selection: string[]): Promise<ProcessEntry[]> {
  return parsePs(await ps([...selection, '-o', 'pid=,ppid=,pgid=,stat=,lstart=']))
}

/**
 * The environment of `ps`: it writes start times in the local time zone and language, and a laptop that travels would make each living
 * process another one. `TZ` is in the form that needs no zone files (POSIX.1 8.3).
 */
const psEnvironment = { LC_ALL: 'C', TZ: 'UTC0' }

/** Runs `ps`. Plain execa: `runCommand` stands on this module. */
async function ps(args: string[]): Promise<string> {
  const { execa } = await import('execa')
  return psText(await execa('ps', args, { reject: false, env: psEnvironment, stdin: 'ignore' }))
}

/**
 * What `ps` printed: empty text if it found nothing (it exits 1 then). One that could not run (no program, no process left to be had) throws:
 * taken for an empty table it would declare every process dead, the holder of a lock too.
 */
export function psText(ended: {
  exitCode?: number | undefined
  stdout?: string | undefined
  stderr?: string | undefined
  message?: string | undefined
}): string {
  const { exitCode, stdout = '', stderr = '' } = ended
  if (exitCode === 0 || (exitCode === 1 && stderr.trim() === '')) return stdout
  throw new Error(`the process table cannot be read: ${stderr.trim() || ended.message || 'ps failed'}`)
}

/**
 * The pids among `candidates` whose environment has the variable `name` with exactly `value`, or with `value` as one element of a
 * list separated by colons (marks of nested runners add up, see marks.ts). Processes of other users cannot be looked into and are
 * passed over. It is the environment a process was started with; what it did to its own later is not seen.
 */
export async function filterByEnvironment(candidates: number[], name: string, value: string): Promise<number[]> {
  if (!hasProc) return filterByPs(candidates, name, value)
  return candidates.filter((pid) => {
    const text = readQuietly(`/proc/${pid}/environ`)
    return text !== undefined && hasElement(text.split('\0'), name, value)
  })
}

/** On macOS `ps -E` prints the environment behind the command, separated by spaces: enough for values without spaces. */
async function filterByPs(candidates: number[], name: string, value: string): Promise<number[]> {
  if (candidates.length === 0) return []
  const found: number[] = []
  const wanted = new Set(candidates)
  for (const line of (await ps(['-axEww', '-o', 'pid=,command='])).split('\n')) {
    const pid = Number.parseInt(line, 10)
    if (wanted.has(pid) && hasElement(line.split(' '), name, value)) found.push(pid)
  }
  return found
}

function hasElement(variables: string[], name: string, value: string): boolean {
  const prefix = `${name}=`
  return variables.some((variable) => {
    if (!variable.startsWith(prefix)) return false
    const content = variable.slice(prefix.length)
    return content === value || content.split(':').includes(value)
  })
}
