import { randomUUID } from 'node:crypto'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { build } from 'esbuild'
import { type LiveProcess, processesWith, type Running, repository, start, until } from '../../support/index.ts'
import type { RunnerTask } from './runner.ts'

/** Builds a program of this folder, to be run with node; returns its path. */
export async function buildProgram(name: string): Promise<string> {
  const outfile = join(repository, '.cache', 'fixtures', `${name}-${process.pid}.mjs`)
  await build({
    entryPoints: [join(repository, 'test/system/support', `${name}.ts`)],
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    packages: 'external',
    logLevel: 'error',
  })
  process.on('exit', () => rmSync(outfile, { force: true }))
  return outfile
}

/** A runner that was started, and a way to ask what of it lives. */
export type TestRunner = Running & {
  /** What the runner said, line by line. */
  lines(): Record<string, number>[]
  /** Its children and theirs; the runner itself and its watchdog are not among them. */
  children(): Promise<LiveProcess[]>
}

let program: Promise<string> | undefined

/** Starts the runner. All that it starts carries a marker in its environment, by which this test finds it, whatever else goes wrong. */
export async function startRunner(task: RunnerTask, env: Record<string, string> = {}): Promise<TestRunner> {
  program ??= buildProgram('runner')
  const marker = randomUUID()
  const argv = [process.execPath, await program, JSON.stringify(task)] as const
  const running = start(argv, { env: { ...env, RUNNER_TEST: marker } })
  running.ended.catch(() => {})
  return {
    ...running,
    lines: () =>
      running
        .stdout()
        .split('\n')
        .filter((line) => line.startsWith('{'))
        .map((line) => JSON.parse(line)),
    children: async () => (await processesWith(marker)).filter(({ pid }) => pid !== running.pid),
  }
}

/** Waits until the runner has started everything; returns its watchdog's pid. */
export async function ready(runner: TestRunner): Promise<number> {
  const last = await until(() => runner.lines().find((line) => 'watchdog' in line), {
    what: `the runner to be ready (${runner.stderr()})`,
  })
  return last.watchdog as number
}

/** Whether a process with that pid lives (a zombie does not). */
export function lives(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(') ') + 2))
  } catch {
    return false
  }
}
