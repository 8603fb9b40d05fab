import { cpSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import * as assert from 'uvu/assert'
import { repository, run, task, temporaryFolder } from '../../support/index.ts'

/** A sample: a folder with a file of another task runner, what it is called with, and what the same is in the draft. */
export type Sample = {
  folder: string
  file: string
  /** The words behind `make -s` or `just`; and where they differ, those behind `task`. */
  calls: readonly (string[] | { original: string[]; draft: string[]; env?: Record<string, string>; cwd?: string })[]
  /** Files that are removed before each call, so that both make them anew. */
  fresh?: readonly string[]
  /** How many places are told as not carried over. */
  losses: number
}

const samples = join(repository, 'test/task/import/samples')

/** A copy of a sample with the draft that the real command makes of it. */
export async function drafted(
  kind: string,
  { folder, file, losses }: Sample,
): Promise<{ original: string; draft: string }> {
  const base = temporaryFolder()
  const original = join(base, 'original', folder)
  const draft = join(base, 'draft', folder)
  for (const target of [original, draft]) {
    cpSync(join(samples, kind, folder), target, { recursive: true, preserveTimestamps: true })
    // Files that tools of this repository would take for its own are kept under other names.
    for (const [name, kept] of [
      ['package.json', 'package.json.sample'],
      ['.env', 'env.sample'],
    ] as const) {
      try {
        renameSync(join(target, kept), join(target, name))
      } catch {
        // This sample has none.
      }
    }
  }
  const imported = await task(['--json', 'import', file], { cwd: draft })
  assert.is(imported.status, 0, imported.stdout + imported.stderr)
  const told = JSON.parse(imported.stdout)
  assert.is(told.losses.length, losses, JSON.stringify(told.losses, undefined, 2))
  const text = readFileSync(join(draft, 'Taskfile.ts'), 'utf8')
  assert.is(text.match(/^\/\/ NOT CARRIED OVER /gm)?.length ?? 0, losses)
  for (const { line } of told.losses) assert.match(text, new RegExp(`NOT CARRIED OVER \\S+:${line}: `))
  return { original, draft }
}

/** Type-checks drafts as a fresh project does that has `vital-ops` installed. */
export async function typeCheck(folders: readonly string[]): Promise<void> {
  const base = temporaryFolder()
  symlinkSync(join(repository, 'node_modules'), join(base, 'node_modules'))
  for (const folder of folders) cpSync(join(folder, 'Taskfile.ts'), join(base, `${basename(folder)}.ts`))
  writeFileSync(join(base, 'package.json'), '{ "type": "module" }')
  const options = {
    strict: true,
    noUnusedLocals: true,
    noEmit: true,
    target: 'es2022',
    module: 'nodenext',
    skipLibCheck: true,
    types: ['node'],
    allowImportingTsExtensions: true,
    paths: { 'vital-ops': [join(repository, 'lib/index.ts')] },
  }
  writeFileSync(join(base, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }))
  const checked = await run([process.execPath, join(repository, 'node_modules/typescript/bin/tsc'), '-p', base])
  assert.is(checked.stdout, '')
  assert.is(checked.status, 0, checked.stderr)
}

/** What a program and the draft print and end with. Names of tasks before lines, where several run, are the runner's. */
export async function compare(
  program: readonly [string, ...string[]],
  sample: Sample,
  { original, draft }: { original: string; draft: string },
): Promise<number> {
  for (const call of sample.calls) {
    const {
      original: words,
      draft: own = words,
      env = {},
      cwd = '.',
    } = Array.isArray(call) ? { original: call, draft: call } : call
    for (const path of sample.fresh ?? []) {
      for (const folder of [original, draft]) rmSync(join(folder, path), { recursive: true, force: true })
    }
    // bash reads ~/.bashrc where its stdin is a socket, unless a shell started it.
    const before = await run([...program, ...words], { cwd: join(original, cwd), env: { SHLVL: '2', ...env } })
    // What was made before may be restored: better than the original, and not what is compared.
    const force = sample.fresh ? ['--force'] : []
    const after = await task(['--jobs', '1', '--yes', ...force, ...own], { cwd: join(draft, cwd), env: { ...env } })
    const told = `${sample.folder}: ${words.join(' ')}\n${before.stderr}\n${after.stderr}`
    assert.is(withoutNames(after.stdout), before.stdout, told)
    assert.is(after.status === 0, before.status === 0, `status ${after.status} and ${before.status}: ${told}`)
  }
  return sample.calls.length
}

/** Without the names of tasks before lines. */
export const withoutNames = (text: string): string => text.replace(/^[^│\n]{1,80}│ /gm, '')
