import { rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { type BuildFailure, formatMessages } from 'esbuild'
import { glob } from 'tinyglobby'
import { bundle as bundleDist } from '../../../lib/build/bundle.mjs'
import { endSharedEngine, ownerVariable } from '../docker.ts'
import { bundle, folderOfRun } from './bundle.ts'
import { endAll, type FileResult, runFile } from './file.ts'
import { type Options, parseOptions, usage } from './options.ts'
import { lineOfFile, summary, textOfFaults } from './report.ts'

/**
 * The test runner. Prints a line for each file and ends with `N passed, N failed[, N skipped]`.
 *
 * @param repository this repository's folder
 * @param argv the arguments after `npm test --`
 * @returns the exit code: 0 when every declared test passed or was skipped and there was one, 2 for wrong arguments, else 1
 */
export async function main(repository: string, argv: string[]): Promise<number> {
  const options = parseOptions(argv)
  if (typeof options === 'string') {
    console.error(`${options}\n\n${usage}`)
    return 2
  }
  const ci = process.env.CI === 'true'
  const root = options.root === undefined ? resolve(repository) : resolve(options.root)
  const sources = await select(root, options)
  const folder = await folderOfRun(join(root, '.cache', 'tests'))
  process.env[ownerVariable] ??= String(process.pid)
  endOnSignals(folder)
  try {
    const results: FileResult[] = []
    const add = (result: FileResult) => {
      results.push(result)
      console.log(lineOfFile(result))
      if (result.failed.length > 0) console.log(textOfFaults(result))
    }
    if (sources.length > 0) {
      const fault = options.build ? await buildDist(root) : undefined
      if (fault) add(notRun('dist', fault))
      const { files, broken } = await bundle(sources, root, join(repository, 'test', 'support'), folder)
      for (const { source, text } of broken) add(notRun(source, `cannot be bundled:\n${text}`))
      await inParallel(files, options.jobs, async (file) => add(await runFile(file, root, options, ci)))
      const again = files.filter(({ source }) => results.some((one) => one.source === source && one.failed.length > 0))
      // Many failures are no accident of a busy machine.
      if (again.length <= options.retries) {
        await inParallel(again, 1, async (file) => {
          const first = results.findIndex(({ source }) => source === file.source)
          const [failed] = results.splice(first, 1)
          add({ ...(await runFile(file, root, options, ci)), before: failed?.failed ?? [] })
        })
      }
    }
    console.log(summary(results, options))
    return results.length > 0 && results.every(({ failed }) => failed.length === 0) ? 0 : 1
  } finally {
    await endSharedEngine()
    await rm(folder, { recursive: true, force: true })
  }
}

/** The test files to run, relative to `root`, sorted. */
async function select(root: string, { filters, long }: Options): Promise<string[]> {
  const all = await glob('test/**/*.test.ts', { cwd: root, ignore: '**/node_modules/**' })
  return all
    .filter((source) => long === 'with' || source.endsWith('.long.test.ts') === (long === 'only'))
    .filter((source) => filters.length === 0 || filters.some((filter) => source.includes(filter)))
    .sort()
}

async function inParallel<T>(items: T[], jobs: number, work: (item: T) => Promise<void>): Promise<void> {
  const queue = items.values()
  await Promise.all(
    Array.from({ length: jobs }, async () => {
      for (const item of queue) if (!isInterrupted) await work(item)
    }),
  )
}

/** Builds what `bin/task` runs; returns why it could not. Earlier builds stay for an hour: other tests may be running them. */
async function buildDist(root: string): Promise<string | undefined> {
  try {
    await bundleDist(root, { keepMs: 3_600_000 })
    return undefined
  } catch (error) {
    const messages = (error as Partial<BuildFailure>).errors
    return messages ? (await formatMessages(messages, { kind: 'error' })).join('') : (error as Error).message
  }
}

const notRun = (source: string, text: string): FileResult => ({
  source,
  passed: 0,
  skipped: [],
  notes: [],
  failed: [{ name: 'the build', text }],
  durationMs: 0,
  output: '',
})

let isInterrupted = false

/** Ctrl-C does not reach the test processes, which have their own groups: ends them, then this process by the same signal. */
function endOnSignals(folder: string): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      isInterrupted = true
      void endAll()
        .then(() => rm(folder, { recursive: true, force: true }))
        .then(() => process.kill(process.pid, signal))
    })
  }
}
