import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `
import { choice, task, text } from 'vital-ops'
export const generate = task({ inputs: ['schema.txt'], outputs: ['gen/**'], run: ({ $ }) => $\`mkdir -p gen runs; cp schema.txt gen/g; echo >> runs/generate\` })
export const stamp = task({ run: () => 'same' })
export const build = task({
  needs: { generate, stamp }, inputs: ['src/**'], outputs: ['dist/**'], env: ['MODE', 'API_TOKEN'],
  args: { target: choice(['web', 'node']).default('web'), token: text().env('BUILD_TOKEN').default('none') },
  run: async ({ $, needs }) => { await $\`mkdir -p dist runs; cp src/a.txt dist/a.txt; echo >> runs/build\`; return needs.stamp },
})
export const docs = task({ needs: { generate }, inputs: ['src/**'], run: ({ $ }) => $\`true\` })
`

function world() {
  const folder = folderWith({ 'Taskfile.ts': taskfile, 'src/a.txt': 'a', 'src/b.txt': 'b', 'schema.txt': 's' })
  const run = async (words: string[], env: Record<string, string> = {}) => task(words, { cwd: folder, env })
  const why = async (words: string[], env: Record<string, string> = {}) => {
    const { stdout, stderr, status } = await run(['--why', '--json', ...words], env)
    const { tasks, upToDate } = JSON.parse(stdout || stderr)
    const [asked] = tasks.filter((one: { asked: boolean }) => one.asked)
    return { status, upToDate, state: asked.status.state, reasons: asked.status.reasons as Record<string, string>[] }
  }
  return { folder, path: (name: string) => join(folder, name), run, why }
}

test('--why names the file, argument, variable or need that changed, with old and new, and no secret', async () => {
  const { folder, path, run, why } = world()
  const first = await why(['generate'])
  assert.equal([first.status, first.state, first.reasons[0]?.kind], [1, 'runs', 'first-run'])
  // Nothing ran, and nothing was noted.
  assert.is(existsSync(path('runs')), false)
  assert.is(existsSync(path('.ops/cache/tasks')), false)
  assert.is((await run(['docs'])).status, 0)
  assert.equal(await why(['docs']), { status: 0, upToDate: true, state: 'up-to-date', reasons: [] })
  const text = await run(['--why', 'docs'])
  assert.match(text.stdout, /^docs is up to date, last run .* ago .*\n {2}needs generate, which is up to date\n$/)
  writeFileSync(path('src/a.txt'), 'changed')
  renameSync(path('src/b.txt'), path('src/c.txt'))
  const changed = await why(['docs'])
  assert.equal(
    changed.reasons.map(({ kind, name }) => [kind, name]),
    [
      ['input', 'src/a.txt'],
      ['input', 'src/c.txt'],
      ['input', 'src/b.txt'],
    ],
  )
  assert.match(changed.reasons[0]?.text ?? '', /^input src\/a\.txt changed: ca978112 → /)
  assert.is(changed.reasons[2]?.text, 'input src/b.txt is gone')
  assert.is(readdirSync(folder).includes('dist'), false)
})

test('--why shows old and new values, but none that may be secret', async () => {
  const { run, why } = world()
  const before = { MODE: 'one', API_TOKEN: 'hunter2-old', BUILD_TOKEN: 'hunter3-old' }
  const after = { MODE: 'two', API_TOKEN: 'hunter2-new', BUILD_TOKEN: 'hunter3-old' }
  assert.is((await run(['build'], before)).status, 0)
  const { stdout } = await run(['--why', 'build'], after)
  assert.match(stdout, /variable MODE changed: "one" → "two"\n/)
  assert.match(stdout, /variable API_TOKEN changed\n/)
  assert.not.match(stdout, /hunter/)
  const files = await run(['--why', '--json', 'build'], after)
  assert.not.match(files.stdout, /hunter/)
  // An argument's value makes a record of its own.
  assert.is((await why(['build', '--target', 'node'], before)).reasons[0]?.kind, 'first-run')
})

test('no value of a variable or secret argument is on disk', async () => {
  const { path, run } = world()
  assert.is((await run(['build'], { API_TOKEN: 'hunter2-token', BUILD_TOKEN: 'hunter3-token' })).status, 0)
  const seen: string[] = []
  for (const entry of readdirSync(path('.ops/cache'), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue
    const file = join(entry.parentPath ?? entry.path, entry.name)
    seen.push(file)
    assert.not.match(readFileSync(file, 'latin1'), /hunter[23]-token/, file)
  }
  assert.ok(seen.length > 5)
})

test('--why tells of outputs, of code, and of what a need would change', async () => {
  const { path, run, why } = world()
  assert.is((await run(['build'])).status, 0)
  // stamp always runs, and build has looked at what it returns.
  const open = await why(['build'])
  assert.equal([open.state, open.reasons.map(({ name }) => name)], ['may-run', ['stamp']])
  rmSync(path('gen'), { recursive: true })
  assert.is((await why(['generate'])).state, 'restorable')
  assert.match(
    (await run(['--why', 'generate'])).stdout,
    /^generate gets its outputs from the cache\n {2}output gen\/g is gone\n/,
  )
  writeFileSync(path('schema.txt'), 'new')
  const docs = await run(['docs'])
  assert.is(docs.status, 0)
  writeFileSync(path('schema.txt'), 'newer')
  const needs = await why(['docs'])
  assert.equal([needs.status, needs.state, needs.reasons[0]?.name], [1, 'may-run', 'generate'])
  writeFileSync(path('Taskfile.ts'), taskfile.replace('`true`', '`:`'))
  const code = await why(['docs'])
  assert.equal([code.reasons[0]?.kind, code.reasons[0]?.name], ['code', 'Taskfile.ts'])
})

test('--dry-run says what is up to date', async () => {
  const { path, run } = world()
  assert.is((await run(['docs'])).status, 0)
  writeFileSync(path('src/a.txt'), 'new')
  const plan = await run(['--dry-run', 'docs'])
  assert.match(plan.stdout, /1\. {2}generate {2}needed by docs, up to date/)
  assert.match(plan.stdout, /2\. {2}docs {6}asked for\n/)
  const forced = await run(['--dry-run', '--force', 'docs'])
  assert.not.match(forced.stdout, /up to date/)
  const json = JSON.parse((await run(['--dry-run', '--json', 'docs'])).stdout)
  assert.equal(
    json.tasks.map(({ status }: { status: { state: string } }) => status.state),
    ['up-to-date', 'runs'],
  )
})

test('a dry run of what was never run notes nothing, and what is then run runs', async () => {
  const { path, run } = world()
  assert.is((await run(['--dry-run', 'docs'])).status, 0)
  assert.is(existsSync(path('.ops/cache/tasks')), false)
  assert.is((await run(['generate'])).status, 0)
  assert.ok(existsSync(path('runs/generate')))
})

test.run()
