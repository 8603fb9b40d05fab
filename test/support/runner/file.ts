import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { killGroup, type LiveProcess, processesWith } from '../processes.ts'
import { markerVariable, type ReportTo, reportVariable, type TestEvent } from './events.ts'
import { type Ending, type Result, Tally } from './tally.ts'

/** A bundled test file. */
export type TestFile = { source: string; bundle: string }

/** Limits in milliseconds: for one test, and beyond it for a process that does not react or does not end. */
export type Limits = { testMs: number; graceMs: number }

/** A file's result with its time in milliseconds, everything that its process wrote, and what failed the first time if this is the second. */
export type FileResult = Result & { source: string; durationMs: number; output: string; before?: Result['failed'] }

const running = new Map<ChildProcess, Promise<FileResult>>()

/** Ends all test files that run now, with what they started, and waits until their folders are removed too. */
export async function endAll(): Promise<void> {
  for (const child of running.keys()) killGroup(child.pid, 'SIGKILL')
  await Promise.allSettled(running.values())
}

/**
 * Runs one test file in a `node` process and process group of its own, with its own temporary folder and home. Both are gone
 * afterwards, and so is every process that it left.
 */
export async function runFile(file: TestFile, root: string, limits: Limits, ci: boolean): Promise<FileResult> {
  const marker = `vo-${randomBytes(4).toString('hex')}`
  const folder = await mkdtemp(join(tmpdir(), `${marker}-`))
  // A database server that runs as another user must be able to enter.
  await chmod(folder, 0o755)
  await mkdir(join(folder, 'home'))
  const reportTo: ReportTo = { fd: 3, limitMs: limits.testMs, lingeringMs: limits.graceMs / 2 }
  const child = spawn(process.execPath, ['--enable-source-maps', file.bundle], {
    cwd: root,
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    env: {
      ...cleanEnvironment(process.env),
      LANG: 'C.UTF-8',
      HOME: join(folder, 'home'),
      TMPDIR: folder,
      [markerVariable]: marker,
      [reportVariable]: JSON.stringify(reportTo),
    },
  })
  const result = resultOf(file, child, { marker, folder, limits, ci })
  running.set(child, result)
  return result.finally(() => running.delete(child))
}

type Surroundings = { marker: string; folder: string; limits: Limits; ci: boolean }

/** Waits for a test process's end, and clears up behind it. */
async function resultOf(file: TestFile, child: ChildProcess, surroundings: Surroundings): Promise<FileResult> {
  const { marker, folder, limits, ci } = surroundings
  const started = performance.now()
  try {
    const { tally, output, ...ending } = await follow(child, limits)
    const leftovers = await endLeftovers(marker, Math.min(2000, limits.graceMs))
    killGroup(child.pid, 'SIGKILL')
    const result = tally.result({ ...ending, leftovers: leftovers.map(describe) }, ci)
    return { ...result, source: file.source, durationMs: performance.now() - started, output: output() }
  } finally {
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** The environment without what would make a test behave differently on CI, under npm, in another language or behind a proxy. */
export function cleanEnvironment(environment: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const unwanted =
    /^(?:CI|NODE_EXTRA_CA_CERTS|FORCE_COLOR|NO_COLOR|INIT_CWD|(?:npm|GITHUB|XDG|OPS|LC)_[A-Za-z_]*|PG[A-Z]*)$/
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !unwanted.test(name)))
}

type Followed = Omit<Ending, 'leftovers'> & { tally: Tally; output: () => string }

/** Reads a test process to its end, and ends it when it no longer reacts or does not exit after its tests. */
function follow(child: ChildProcess, limits: Limits): Promise<Followed> {
  const tally = new Tally()
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
  let killed: string | undefined
  let timer: NodeJS.Timeout | undefined
  const allow = (ms: number, what: string) => {
    clearTimeout(timer)
    timer = setTimeout(() => {
      killed = `ended by the runner: ${what}`
      killGroup(child.pid, 'SIGKILL')
    }, ms)
  }
  allow(limits.testMs, `its top level did not finish within ${limits.testMs} ms`)
  const events = child.stdio[3] as NodeJS.ReadableStream
  createInterface({ input: events }).on('line', (line) => {
    const event = JSON.parse(line) as TestEvent
    tally.add(event)
    if (event.type === 'busy') allow(event.limitMs + limits.graceMs, `"${event.what}" blocks the event loop`)
    else if (event.type === 'idle')
      allow(limits.graceMs, `it did not exit within ${limits.graceMs} ms after its last test`)
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('exit', (status, signal) => {
      clearTimeout(timer)
      const done = () =>
        resolve({
          tally,
          output: () => Buffer.concat(chunks).toString(),
          status,
          signal,
          ...(killed ? { killed } : {}),
        })
      // A process that was left behind may hold the pipes open for ever.
      const patience = setTimeout(done, 1000)
      child.on('close', () => {
        clearTimeout(patience)
        done()
      })
    })
  })
}

/** The processes that a file left running, killed. Those that are just ending get `patienceMs`. */
async function endLeftovers(marker: string, patienceMs: number): Promise<LiveProcess[]> {
  const deadline = performance.now() + patienceMs
  let left = await processesWith(marker)
  while (left.length > 0 && performance.now() < deadline) {
    await new Promise((resolve) => setTimeout(resolve, 50))
    left = await processesWith(marker)
  }
  for (const { pid } of left) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // It ended meanwhile.
    }
  }
  return left
}

const describe = ({ pid, command }: LiveProcess) => `  ${pid} ${command}`
