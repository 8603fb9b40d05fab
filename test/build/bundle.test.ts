import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { createRequire, isBuiltin } from 'node:module'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bundle } from '../../lib/build/bundle.mjs'
import { isCurrent, noteBuild, sourcesOf } from '../../lib/build/current.mjs'
import { entryPoints } from '../../lib/build/entry-points.mjs'
import { repository, run, temporaryFolder } from '../support/index.ts'

/** A repository with all entry points, each of which prints the generation that itself and a part loaded later are of. */
function sources(generation: number, root = temporaryFolder()): string {
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  for (const { source } of entryPoints) write(source, '')
  // Written once: a command that starts meanwhile reads it.
  if (!existsSync(join(root, 'package.json'))) write('package.json', '{ "type": "module" }')
  write('lib/later.ts', `export const generation = ${generation}\n`)
  write(
    'lib/cli/main.ts',
    `void import('../later.ts').then(({ generation }) => console.log(${generation}, generation, JSON.stringify(process.argv.slice(2))))\n`,
  )
  return root
}

const start = (root: string, ...args: string[]) => run([process.execPath, join(root, 'dist', 'task.js'), ...args])

test('each entry point becomes a file, with a source map', async () => {
  const root = sources(1)
  await bundle(root, { keepMs: 0 })
  for (const { name, alone } of entryPoints) {
    assert.ok(
      existsSync(join(root, 'dist', `${name}.${alone === 'commonjs' || alone === 'script' ? 'cjs' : 'js'}`)),
      name,
    )
  }
  assert.ok(existsSync(join(root, 'dist', 'task.cjs.map')))
  assert.is((await start(root, 'a b')).stdout, '1 1 ["a b"]\n')
  assert.equal(readdirSync(join(root, '.cache')), [])
})

test('a build is current until a source or a file of it changes, appears or goes', async () => {
  const root = sources(1)
  const write = (path: string, text: string) => writeFileSync(join(root, path), text)
  const build = async () => {
    const from = await sourcesOf(root)
    await bundle(root, { keepMs: 0 })
    return from
  }
  assert.not(await isCurrent(root), 'never built')
  await noteBuild(root, await build())
  assert.ok(await isCurrent(root))
  write('dist/.code-pack.cjs-x', 'what a start has compiled')
  write('unrelated.txt', 'x')
  assert.ok(await isCurrent(root))

  const changes: [string, () => void][] = [
    ['a source', () => write('lib/later.ts', 'export const generation = 2\n')],
    ['a new source', () => write('tasks/new.ts', '')],
    ['a source that is gone', () => rmSync(join(root, 'tasks/new.ts'))],
    ['the manifest', () => write('package.json', '{ "type": "module", "version": "2.0.0" }')],
    ['what was built', () => write('dist/task.js', '')],
    ['what was built and is gone', () => rmSync(join(root, 'dist/index.js'))],
  ]
  for (const [what, change] of changes) {
    change()
    assert.not(await isCurrent(root), what)
    await noteBuild(root, await build())
    assert.ok(await isCurrent(root), `built after ${what}`)
  }

  const from = await build()
  write('lib/later.ts', 'export const generation = 3\n')
  await noteBuild(root, from)
  assert.not(await isCurrent(root), 'edited while it was built')
})

test('an entry point that does not exist is named', async () => {
  const root = temporaryFolder()
  try {
    await bundle(root, { keepMs: 0 })
    assert.unreachable()
  } catch (error) {
    assert.match((error as Error).message, `${entryPoints[0]?.source} does not exist`)
  }
})

test('a source that does not compile leaves the build before it', async () => {
  const root = sources(1)
  await bundle(root, { keepMs: 0 })
  writeFileSync(join(root, 'lib/later.ts'), 'export const = 2\n')
  const failure = await bundle(root, { keepMs: 0 }).then(
    () => undefined,
    (error) => error.errors[0].text,
  )
  assert.match(failure, 'Expected')
  assert.is((await start(root)).stdout, '1 1 []\n')
  assert.equal(readdirSync(join(root, '.cache')), [])
})

test('what an earlier build left stays for a while', async () => {
  const root = sources(1)
  const chunks = () => readdirSync(join(root, 'dist')).filter((name) => /^later-\w+\.cjs$/.test(name))
  await bundle(root, { keepMs: 0 })
  const [first = ''] = chunks()
  sources(2, root)
  await bundle(root, { keepMs: 60_000 })
  assert.is(chunks().length, 2)
  utimesSync(join(root, 'dist', first), new Date(0), new Date(0))
  await bundle(root, { keepMs: 60_000 })
  assert.is(chunks().length, 1)
  assert.not.equal(chunks(), [first])
})

test('who starts the command while it is built gets a whole build', async () => {
  const root = sources(1)
  await bundle(root, { keepMs: 60_000 })
  let starts = 0
  let isBuilding = true
  const builds = async () => {
    for (let generation = 2; generation < 12 || (starts < 5 && generation < 200); generation++) {
      sources(generation, root)
      await Promise.all([bundle(root, { keepMs: 60_000 }), bundle(root, { keepMs: 60_000 })])
    }
    isBuilding = false
  }
  const commands = async () => {
    for (; isBuilding; starts++) {
      const { status, stdout, stderr } = await start(root)
      assert.is(status, 0, stderr)
      const [entry, later] = stdout.split(' ')
      assert.is(entry, later)
    }
  }
  await Promise.all([builds(), commands()])
})

test('bin/task starts the command, also through a link', async () => {
  for (const name of ['task', 'vital-ops']) {
    const program = join(repository, 'bin', name)
    assert.ok(statSync(program).mode & 0o111, `${name} is executable`)
    const link = join(temporaryFolder(), name)
    symlinkSync(program, link)
    const { status, stdout, stderr } = await run([link, '--version'], { cwd: temporaryFolder() })
    assert.is(status, 0, stderr)
    assert.match(stdout, JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8')).version)
  }
})

test('no package is required that only exists as modules', () => {
  const { resolve } = createRequire(join(repository, 'package.json'))
  const required = new Set<string>()
  // Files of earlier builds lie there, too.
  const files = new Set(entryPoints.filter(({ alone }) => alone === undefined).map(({ name }) => `${name}.cjs`))
  for (const name of files) {
    const code = readFileSync(join(repository, 'dist', name), 'utf8')
    for (const [, specifier = ''] of code.matchAll(/\brequire\("([^"]+)"\)/g)) {
      if (specifier.startsWith('./')) files.add(specifier.slice(2))
      else if (!isBuiltin(specifier)) required.add(specifier)
    }
  }
  assert.ok(required.has('zod'), [...required].join())
  const isModule = (path: string): boolean => {
    let folder = dirname(path)
    while (!existsSync(join(folder, 'package.json'))) folder = dirname(folder)
    return (
      /\.mjs$/.test(path) ||
      (/\.js$/.test(path) && JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).type === 'module')
    )
  }
  assert.equal(
    [...required].filter((specifier) => isModule(resolve(specifier))),
    [],
  )
})

test('the pack of every start holds nothing that only commands take', () => {
  const { sources } = JSON.parse(readFileSync(join(repository, 'dist', 'pack.cjs.map'), 'utf8'))
  assert.ok(sources.includes('../lib/task/run.ts'), sources.join())
  // A new module beside these has to be named in `later` of lib/build/pack.mjs, too.
  const wrong =
    /\/(?:shell-command|command-runner|sync-command|watchdog|watched-child|groups|process-table|guard|failure-text)\.ts$/
  assert.equal(
    sources.filter((source: string) => wrong.test(source)),
    [],
  )
})

test('the package has all that runs, and no tests', async () => {
  const { stdout, status, stderr } = await run(['npm', 'pack', '--dry-run', '--json', '--ignore-scripts'])
  assert.is(status, 0, stderr)
  const files: string[] = JSON.parse(stdout)[0].files.map(({ path }: { path: string }) => path)
  const built = readdirSync(join(repository, 'dist')).filter((name) => /\.c?js$/.test(name))
  assert.ok(built.includes('task.js'))
  for (const file of ['dist/start.cjs', 'LICENSE', 'package.json', ...built.map((name) => `dist/${name}`)]) {
    assert.ok(files.includes(file), `${file} is packed`)
  }
  // V8's code cache is this machine's own.
  assert.equal(
    files.filter((file) => file.includes('/.')),
    [],
  )
  assert.equal(
    files.filter((file) => !/^(?:bin|dist|schemas)\/|^(?:package\.json|README\.md|CHANGELOG\.md|LICENSE)$/.test(file)),
    [],
  )
})

test.run()
