import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository } from './folders.ts'
import { type Ended, type RunOptions, run } from './programs.ts'
import { skip } from './session.ts'
import { until } from './until.ts'

/** Names the engine that tests use in place of one of their own, like `DOCKER_HOST`. */
export const hostVariable = 'VITAL_OPS_TEST_DOCKER_HOST'
/** Set by the runner to its process id: the engine of its test files lives as long as it. */
export const ownerVariable = 'VITAL_OPS_TEST_ENGINE_OWNER'

/** A real Docker engine. `env` leads every program (`docker`, `task`) to it. */
export type Engine = {
  /** As in `DOCKER_HOST`. */
  host: string
  env: { DOCKER_HOST: string }
  /** Runs `docker`; a status other than 0 is data. */
  try(args: readonly string[], options?: RunOptions): Promise<Ended>
  /** Runs `docker` and returns what it wrote, without white space at its end; another status than 0 is an error with what it said. */
  docker(args: readonly string[], options?: RunOptions): Promise<string>
}

/** An engine of one test alone, which may be killed and started again. */
export type OwnEngine = Engine & {
  folder: string
  /** The engine's process now. */
  pid(): number
  /** Removes everything in it and the engine itself; also done when the test's process ends, however that happens. */
  end(): Promise<void>
}

let shared: Promise<Engine> | undefined

/**
 * The engine that all files of this test run share: started by the first that asks, ended after the last, however the run ends. Files run beside
 * one another: name what you create so that nobody else's has that name, and remove it. Skips where Docker is not installed.
 */
export function engine(): Promise<Engine> {
  shared ??= findOrStart()
  return shared
}

/** Starts an engine for one test; takes about three seconds. `args` are more arguments for `dockerd`. Skips where Docker is not installed. */
export async function startEngine(args: readonly string[] = []): Promise<OwnEngine> {
  needDocker()
  const folder = mkdtempSync('/tmp/vo-engine-')
  // No rules of its own: they would take the place of those of the engine that other tests share. Ports on loopback work without.
  const keeper = startKeeper(folder, process.pid, ['--iptables=false', ...args])
  const reached = await ready(folder)
  return {
    ...reached,
    folder,
    pid: () => Number(readFileSync(join(folder, 'pid'), 'utf8')),
    end: async () => {
      process.kill(keeper, 'SIGTERM')
      await until(() => !existsSync(folder), { what: 'the engine to end', deadline: 60_000, every: 100 })
    },
  }
}

/** Ends the engine that the files of this run have used, if they did; for the runner. */
export async function endSharedEngine(): Promise<void> {
  const folder = folderOf(process.pid)
  const keeper = Number(read(join(folder, 'keeper')) ?? 0)
  if (keeper === 0) return
  try {
    process.kill(keeper, 'SIGTERM')
    await until(() => !existsSync(folder), { what: 'the engine to end', deadline: 60_000, every: 100 })
  } catch {
    // It is gone, or busy with its last work; killed now, it would leave bridges and rules behind.
  }
}

/** An engine that is reached at an address. */
export function engineAt(host: string): Engine {
  const env = { DOCKER_HOST: host }
  const attempt = (args: readonly string[], options: RunOptions = {}) =>
    run(['docker', ...args], { timeout: 120_000, ...options, env: { ...env, ...options.env } })
  return {
    host,
    env,
    try: attempt,
    docker: async (args, options) => {
      const { status, stdout, stderr } = await attempt(args, options)
      if (status !== 0) throw new Error(`docker ${args.join(' ')} exited with ${status}: ${stderr}${stdout}`)
      return stdout.trimEnd()
    },
  }
}

async function findOrStart(): Promise<Engine> {
  const given = process.env[hostVariable]
  if (given) return engineAt(given)
  needDocker()
  const owner = Number(process.env[ownerVariable] ?? process.pid)
  const folder = folderOf(owner)
  try {
    // Whoever makes the folder starts the engine.
    mkdirSync(folder)
    startKeeper(folder, owner, [])
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  return ready(folder)
}

/** Short, for a socket's path has at most 107 characters. */
const folderOf = (owner: number) => `/tmp/vo-docker-${owner}`

function needDocker(): void {
  if (process.getuid?.() !== 0) skip('an engine is started by root alone')
  if (!existsSync('/usr/sbin/dockerd')) skip('docker.io is not installed')
}

/** Starts the process that starts and ends the engine; it shares nothing with this one, not even what the runner finds leftovers by. */
function startKeeper(folder: string, owner: number, args: readonly string[]): number {
  const script = join(repository, 'test', 'support', 'docker-keeper.mjs')
  const child = spawn(process.execPath, [script, folder, String(owner), JSON.stringify(args)], {
    cwd: '/',
    env: { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', HOME: folder },
    detached: true,
    stdio: 'ignore',
  })
  child.unref()
  return child.pid ?? 0
}

async function ready(folder: string): Promise<Engine> {
  const state = await until(
    () => (existsSync(join(folder, 'ready')) ? 'ready' : existsSync(join(folder, 'failed')) ? 'failed' : undefined),
    { what: 'the Docker engine to answer', deadline: 90_000, every: 50 },
  )
  if (state === 'failed') throw new Error(readFileSync(join(folder, 'failed'), 'utf8'))
  return engineAt(`unix://${join(folder, 'docker.sock')}`)
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
