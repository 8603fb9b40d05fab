import { existsSync, mkdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { placeText } from '../../log/failure-text.ts'
import type { Failure } from '../../model/failure.ts'
import { writeFileAtomic } from '../../system/files.ts'
import { path } from '../../task/arguments.ts'
import { taskfileNames } from '../../task/find.ts'
import type { Loss } from '../../task/import/model.ts'
import { importers, kindOf } from '../../task/import/source.ts'
import { builtIn } from '../built-in.ts'
import type { Ending } from '../report.ts'
import { columns } from '../usage.ts'

const names = 'Makefile, justfile, Taskfile.yml or package.json'

/** `task import FILE`: drafts a Taskfile from another task runner's file, and says what it could not take over. */
export const importWord = builtIn({
  details: `Reads a ${names} and writes a Taskfile.ts beside it; never over a file that is there.
What it cannot take over is a comment in the draft, and listed on stderr.`,
  args: {
    file: path().positional().describe(`${names}, or a folder that has one`),
    out: path().optional().alias('o').describe('the file to write; "-" prints the draft'),
  },
  async run({ args, folder, streams, json }) {
    const found = sourceOf(args.file)
    if ('code' in found) return { outcome: 'usage', failures: [found] }
    const { file, kind } = found
    const beside = (name: string): string | undefined => readIfThere(resolve(dirname(file), name))
    const drafted = (await importers[kind]())(readFileSync(file, 'utf8'), basename(file), beside)
    if (!drafted.ok) {
      const failures = drafted.failures.map((one) => (one.place ? { ...one, place: { ...one.place, file } } : one))
      return { outcome: 'unchanged', failures }
    }
    const { text, tasks, losses } = drafted.value
    const isPrinted = args.out === resolve(folder, '-')
    const target = isPrinted ? undefined : (args.out ?? join(dirname(file), 'Taskfile.ts'))
    const taken = target === undefined ? undefined : takenBy(target)
    if (taken !== undefined) return { outcome: 'unchanged', failures: [exists(taken, args.file)] }
    if (target !== undefined) {
      mkdirSync(dirname(target), { recursive: true })
      await writeFileAtomic(target, text)
    }
    if (!json) streams.write(process.stderr, lossesText(losses, file, folder))
    const told = losses.map((loss) => ({ ...loss, file: join(dirname(file), loss.file ?? basename(file)) }))
    const ending: Ending = { outcome: 'done', json: { written: target ?? null, tasks, losses: told } }
    if (target === undefined) return json ? { ...ending, json: { ...ending.json, text } } : { ...ending, text }
    const shown = placeText({ file: target }, folder)
    return { ...ending, text: `wrote ${shown}: ${count(tasks, 'task')}\nnext:\n  task --list\n` }
  },
})

function sourceOf(wanted: string): { file: string; kind: NonNullable<ReturnType<typeof kindOf>> } | Failure {
  if (!existsSync(wanted)) return { code: 'no-source', message: `${wanted} does not exist`, outcome: 'usage' }
  if (statSync(wanted).isDirectory()) {
    const candidates = [
      'justfile',
      'Justfile',
      '.justfile',
      'Taskfile.yml',
      'Taskfile.yaml',
      'taskfile.yml',
      'GNUmakefile',
      'makefile',
      'Makefile',
      'package.json',
    ]
    const found = candidates.map((name) => join(wanted, name)).find((path) => existsSync(path))
    if (found !== undefined) return sourceOf(found)
    return { code: 'no-source', message: `no ${names} in ${wanted}`, outcome: 'usage' }
  }
  const kind = kindOf(wanted)
  if (kind) return { file: realpathSync(wanted), kind }
  return {
    code: 'unknown-source',
    message: `cannot tell what ${basename(wanted)} is`,
    why: `its name says it: ${names}`,
    outcome: 'usage',
  }
}

const readIfThere = (path: string): string | undefined =>
  statSync(path, { throwIfNoEntry: false })?.isFile() ? readFileSync(path, 'utf8') : undefined

/** The file that a draft would be written over, or would hide: a folder has one Taskfile. */
function takenBy(target: string): string | undefined {
  if (existsSync(target)) return target
  const isTaskfile = (taskfileNames as readonly string[]).includes(basename(target))
  return isTaskfile
    ? taskfileNames.map((name) => join(dirname(target), name)).find((path) => existsSync(path))
    : undefined
}

const exists = (taken: string, source: string): Failure => ({
  code: 'taskfile-exists',
  message: `${taken} exists already; nothing was written`,
  next: [`task import ${source} --out drafted.ts`],
  outcome: 'unchanged',
})

function lossesText(losses: readonly Loss[], file: string, folder: string): string {
  if (losses.length === 0) return ''
  const rows = losses.map(({ line, file: other, what, why }): [string, string] => {
    const place = placeText({ file: join(dirname(file), other ?? basename(file)), line, column: 1 }, folder).replace(
      /:1$/,
      '',
    )
    const first = what.trim().split('\n')[0] ?? ''
    return [place, `${why}: ${first.length > 80 ? `${first.slice(0, 79)}…` : first}`]
  })
  return `not carried over (${count(losses.length, 'place')}; also comments in the draft):\n${columns(rows)}`
}

const count = (number: number, noun: string): string => `${number} ${noun}${number === 1 ? '' : 's'}`
