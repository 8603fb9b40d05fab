import { randomInt } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { failed, ok, type Result } from '../model/failure.ts'
import { writeFileAtomic } from '../system/files.ts'
import { taskfileNames } from './find.ts'
import { type ScaffoldFile, scaffold, workspaceName } from './scaffold.ts'

const starter = `import { flag, task, text } from 'vital-ops'

export const hello = task({
  description: 'Greet somebody: task hello Ada --loud',
  args: {
    name: text().positional().default('world').describe('who is greeted'),
    loud: flag().alias('l').describe('in capitals'),
  },
  async run({ args, $ }) {
    const greeting = \`Hello, \${args.name}!\`
    // What is interpolated is one argument of the command, whatever it holds.
    await $\`echo \${args.loud ? greeting.toUpperCase() : greeting}\`
  },
})

export const check = task({
  description: 'All that has to hold before a push',
  needs: { hello },
  async run({ log }) {
    log('hello has run before this, and at the same time as other needs')
  },
})
`

/** Writes a Taskfile.ts to begin with into a folder; never over an existing Taskfile. Gives its path. */
export async function writeStarter(folder: string): Promise<Result<string>> {
  const existing = taskfileIn(folder)
  if (existing !== undefined) {
    return failed({
      code: 'taskfile-exists',
      message: `${existing} exists already; nothing was written`,
      next: ['task --list'],
      outcome: 'unchanged',
    })
  }
  const path = join(folder, 'Taskfile.ts')
  await writeFileAtomic(path, starter)
  return ok(path)
}

const taskfileIn = (folder: string): string | undefined =>
  taskfileNames.map((name) => join(folder, name)).find((path) => existsSync(path))

/** What `writeWorkspace` did, by paths relative to the folder. `kept`: was there and stays as it is. */
export type Written = { written: string[]; kept: string[] }

/**
 * Writes a workspace for operations to begin with. Files that are there stay as they are; a folder that is a workspace already is
 * refused, because a second id would name the same things differently.
 */
export async function writeWorkspace(folder: string): Promise<Result<Written>> {
  const own = join(folder, 'config', 'workspace.yaml')
  if (existsSync(own)) {
    return failed({
      code: 'workspace-exists',
      message: `${own} exists already; nothing was written`,
      next: ['task setup dev'],
      outcome: 'unchanged',
    })
  }
  const done: Written = { written: [], kept: [] }
  for (const file of scaffold({ name: nameOf(folder), id: newId() })) {
    const isKept = file.path === 'Taskfile.ts' && taskfileIn(folder) !== undefined
    const wrote = !isKept && (await writeOne(folder, file))
    ;(wrote ? done.written : done.kept).push(isKept ? basename(taskfileIn(folder) ?? file.path) : file.path)
  }
  return ok(done)
}

/** Writes a file unless it is there; lines to append are those that it does not have. Gives whether anything was written. */
async function writeOne(folder: string, { path, content, mode, append }: ScaffoldFile): Promise<boolean> {
  const target = join(folder, path)
  mkdirSync(dirname(target), { recursive: true })
  if (!existsSync(target)) {
    await writeFileAtomic(target, content, mode === undefined ? {} : { mode })
    return true
  }
  if (!append) return false
  const text = readFileSync(target, 'utf8')
  const lines = new Set(text.split(/\r?\n/).map((line) => line.trim()))
  const missing = content.split('\n').filter((line) => line !== '' && !lines.has(line))
  if (missing.every((line) => line.startsWith('#'))) return false
  await writeFileAtomic(target, `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${missing.join('\n')}\n`)
  return true
}

/** The workspace's name: that of its package, else of its folder. */
function nameOf(folder: string): string {
  try {
    const { name } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
    if (typeof name === 'string' && name !== '') return workspaceName(name)
  } catch {
    // No package.json, or none that can be read: `npm` says so better than this could.
  }
  return workspaceName(basename(resolve(folder)))
}

const letters = 'abcdefghijklmnopqrstuvwxyz'

/** A workspace's id: 12 letters and digits, a letter first, because YAML reads digits as a number. */
function newId(): string {
  const pick = (from: string) => from[randomInt(from.length)] as string
  return pick(letters) + Array.from({ length: 11 }, () => pick(`${letters}0123456789`)).join('')
}
