import { dirname, relative } from 'node:path'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import { text } from '../../task/arguments.ts'
import { formatSize, parseSize, sizeLimit, sizeVariable } from '../../task/cache/limit.ts'
import { cacheSize, clearCache, listEntries, prune, verifyCache } from '../../task/cache/prune.ts'
import { cacheFolder } from '../../task/cache/store.ts'
import { findTaskfile, namedTaskfile } from '../../task/find.ts'
import { type BuiltInContext, builtIn, builtInCommand } from '../built-in.ts'
import type { Ending } from '../report.ts'

/** `task cache`: what is kept of tasks' outputs. It works without the Taskfile's code, so also when that is broken. */
export const cache = builtIn({
  details: `Outputs of tasks are kept in .ops/cache, by default up to 2 GB; ${sizeVariable}=500MB says otherwise, 0 keeps none.`,
  defaultCommand: 'show',
  commands: {
    show: builtInCommand({
      description: 'how large it is, and what is in it, used last first',
      run: (context) => within(context, (workspace) => show(workspace, context.folder)),
    }),
    prune: builtInCommand({
      description: 'remove what was not used for longest',
      args: { size: text().optional().describe('how much may be left, like 500MB; default is the limit') },
      run: (context) =>
        within(context, (workspace) => {
          const { size } = context.args
          const limit = size === undefined ? sizeLimit(process.env) : parseSize(size)
          if (limit === undefined) return { outcome: 'usage', failures: [noSize(size ?? '')] }
          const before = cacheSize(workspace)
          const left = prune(workspace, limit)
          const freed = before.bytes - left.bytes
          const removed = before.entries - left.entries
          return {
            outcome: 'done',
            text: `removed ${runs(removed)}, ${formatSize(freed)}; left are ${runs(left.entries)}, ${formatSize(left.bytes)}\n`,
            result: { removed: { bytes: freed, entries: removed }, ...left },
          }
        }),
    }),
    clear: builtInCommand({
      description: 'remove everything, and forget what is up to date',
      run: (context) =>
        within(context, (workspace) => {
          const removed = clearCache(workspace)
          return {
            outcome: 'done',
            text: `removed ${runs(removed.entries)}, ${formatSize(removed.bytes)}; every task runs again\n`,
            result: { removed },
          }
        }),
    }),
    verify: builtInCommand({
      description: 'compare all contents with their digests, and remove those that are damaged',
      run: (context) =>
        within(context, (workspace) => {
          const { objects, damaged } = verifyCache(workspace)
          const failures = damaged.map(
            (hash): Failure => ({ code: 'cache-damaged', message: `removed a damaged content: ${hash}` }),
          )
          return {
            outcome: damaged.length === 0 ? 'done' : 'failed',
            text: `${objects} contents compared, ${damaged.length} damaged\n`,
            result: { objects, damaged },
            failures,
          }
        }),
    }),
  },
})

async function within(
  { tasks, flags }: Pick<BuiltInContext, 'tasks' | 'flags'>,
  work: (workspace: string) => Ending,
): Promise<Ending> {
  const named = flags.taskfile ?? flags.workspace
  const found: Result<string> = tasks.ok
    ? ok(tasks.value.file)
    : named === undefined
      ? findTaskfile(process.cwd())
      : namedTaskfile(named)
  if (!found.ok) return { outcome: 'unchanged', failures: failed(...found.failures).failures }
  try {
    return work(dirname(found.value))
  } catch (error) {
    if (error instanceof FailureError) return { outcome: error.outcome, failures: error.failures }
    throw error
  }
}

function show(workspace: string, folder: string): Ending {
  const size = cacheSize(workspace)
  const limit = sizeLimit(process.env)
  const entries = listEntries(workspace)
  const rows = entries.map(({ task, files, bytes, usedAt, key }) => [
    task,
    formatSize(bytes),
    files === 1 ? '1 file' : `${files} files`,
    new Date(usedAt).toISOString().slice(0, 16).replace('T', ' '),
    key.slice(0, 8),
  ])
  const widths = [0, 1, 2, 3].map((column) => Math.max(0, ...rows.map((row) => (row[column] as string).length)))
  const lines = rows.map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}\n`)
  const place = relative(folder, cacheFolder(workspace)) || '.'
  return {
    outcome: 'done',
    text: `${place}: ${formatSize(size.bytes)} of at most ${formatSize(limit)}, ${runs(size.entries)}\n${lines.join('')}`,
    result: {
      folder: cacheFolder(workspace),
      limit,
      ...size,
      runs: entries.map(({ task, key, bytes, files, usedAt }) => ({
        task,
        key,
        bytes,
        files,
        usedAt: new Date(usedAt).toISOString(),
      })),
    },
  }
}

const runs = (count: number): string => (count === 1 ? '1 run' : `${count} runs`)

const noSize = (size: string): Failure => ({
  code: 'invalid-value',
  message: `--size: ${JSON.stringify(size)} is no size`,
  why: 'a size is a number with B, KB, MB or GB behind it, like 500MB',
  outcome: 'usage',
})
