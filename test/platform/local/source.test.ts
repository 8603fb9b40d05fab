import { chmodSync, existsSync, lstatSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unwrap } from '../../../lib/model/failure.ts'
import { exportSourceTo, observeSource } from '../../../lib/platform/local/source.ts'
import { temporaryFolder, until } from '../../support/index.ts'
import { bench, git, release, spec, writeFiles } from './ops.ts'
import { lives } from './support.ts'

const never = new AbortController().signal
const contexts = { api: 'services/api', worker: 'services/worker', all: '.' }

/** A repository whose workspace is the folder `app` of it. */
function repository(sub = 'app'): { top: string; folder: string; commit: string } {
  const top = temporaryFolder()
  const folder = join(top, sub)
  writeFiles(folder, {
    'services/api/main.js': 'api',
    'services/worker/main.js': 'worker',
    '.gitignore': 'ignored\n.env.dev\n',
    'Taskfile.ts': 'export default {}',
  })
  writeFiles(top, { 'outside.txt': 'not of the workspace' })
  git(top, 'init', '--quiet')
  git(top, 'add', '--all')
  git(top, 'commit', '--quiet', '-m', 'first')
  return { top, folder, commit: git(top, 'rev-parse', 'HEAD') }
}

const observe = async (folder: string, options: { revision?: string; allowDirty?: boolean } = {}) =>
  unwrap(await observeSource(folder, contexts, { allowDirty: false, ...options }))

test('a clean workspace is its commit; artefacts are git trees of the contexts', async () => {
  for (const sub of ['app', '.']) {
    const { top, folder, commit } = repository(sub)
    const source = await observe(folder)
    assert.equal({ ...source, artefacts: {} }, { revision: 'HEAD', commit, dirty: [], artefacts: {} })
    const path = sub === '.' ? '' : 'app/'
    assert.equal(source.artefacts, {
      api: git(top, 'rev-parse', `HEAD:${path}services/api`),
      worker: git(top, 'rev-parse', `HEAD:${path}services/worker`),
      all: git(top, 'rev-parse', `HEAD:${path.slice(0, -1)}`),
    })
  }
})

test('an artefact changes with its own files only, and is the same before and after the commit', async () => {
  const { top, folder } = repository()
  const before = await observe(folder)
  writeFiles(folder, {
    'services/api/main.js': 'api 2',
    'services/api/new.js': 'new',
    '.env.dev': 'SECRET=1',
    ignored: 'x',
  })
  const refused = await observe(folder)
  assert.equal(refused.dirty, ['services/api/main.js', 'services/api/new.js'])
  assert.is(refused.commit, before.commit)

  const dirty = await observe(folder, { allowDirty: true })
  assert.match(dirty.commit, /^tree-[0-9a-f]{40}$/)
  assert.is(dirty.revision, 'working tree')
  assert.is.not(dirty.artefacts.api, before.artefacts.api)
  assert.is(dirty.artefacts.worker, before.artefacts.worker)

  git(top, 'add', '--all')
  git(top, 'commit', '--quiet', '-m', 'second')
  const after = await observe(folder)
  assert.equal(after.artefacts, dirty.artefacts)
  assert.is(dirty.commit, `tree-${after.artefacts.all}`)
})

test('this product’s own folder is never taken, whether a .gitignore names it or not', async () => {
  for (const ignored of ['ignored\n', '.ops/\n']) {
    for (const sub of ['app', '.']) {
      const { folder } = repository(sub)
      writeFiles(folder, { '.gitignore': ignored })
      const before = (await observe(folder, { allowDirty: true })).artefacts
      writeFiles(folder, { '.ops/runs/1/journal': 'x' })
      assert.equal((await observe(folder, { allowDirty: true })).artefacts, before)
    }
  }
})

test('looking at the working tree writes nothing into the repository', async () => {
  const { top, folder } = repository()
  writeFiles(folder, { 'services/api/new.js': 'new content that no object has' })
  const objects = () => readdirSync(join(top, '.git/objects'), { recursive: true }).sort()
  const index = () => readFileSync(join(top, '.git/index')).toString('hex')
  const before = [objects(), index()]
  await observe(folder, { allowDirty: true })
  assert.equal([objects(), index()], before)
})

test('a revision is looked at whatever the working tree is like; an unknown one is a failure', async () => {
  const { top, folder, commit } = repository()
  git(top, 'tag', 'v1')
  writeFiles(folder, { 'services/api/main.js': 'api 2' })
  git(top, 'commit', '--quiet', '-a', '-m', 'second')
  writeFiles(folder, { 'services/api/main.js': 'dirty' })
  const source = await observe(folder, { revision: 'v1' })
  assert.equal([source.revision, source.commit, source.dirty], ['v1', commit, []])
  const unknown = await observeSource(folder, contexts, { revision: 'v2', allowDirty: true })
  assert.is(!unknown.ok && unknown.failures[0].code, 'unknown-revision')
})

test("this product's own files are never dirty and never taken, also where nobody ignores them", async () => {
  const { folder } = repository()
  writeFiles(folder, { '.ops/logs/dev/api.log': 'line', '.env': 'SECRET=1', 'services/api/.env.local': 'SECRET=2' })
  const source = await observe(folder, { allowDirty: true })
  assert.equal(source.dirty, ['.env', 'services/api/.env.local'])
  const destination = join(temporaryFolder(), 'source')
  unwrap(await exportSourceTo(folder, { ...source, workingTree: true }, destination, never))
  assert.not.ok(existsSync(join(destination, '.ops')))
  assert.not.ok(existsSync(join(destination, '.env')))
  assert.not.ok(existsSync(join(destination, 'services/api/.env.local')))
  assert.is(readFileSync(join(destination, 'services/api/main.js'), 'utf8'), 'api')
})

test('without a repository the content itself is the identity, and is copied', async () => {
  const folder = temporaryFolder()
  writeFiles(folder, {
    'services/api/main.js': 'api',
    'services/api/node_modules/x/index.js': 'installed',
    '.ops/clone': 'x',
    '.env.dev': 'SECRET=1',
    '.env.dev.example': 'SECRET=',
  })
  chmodSync(join(folder, 'services/api/main.js'), 0o755)
  symlinkSync('main.js', join(folder, 'services/api/link.js'))
  const source = await observe(folder)
  assert.match(source.commit, /^tree-[0-9a-f]{64}$/)
  assert.equal(Object.keys(source.artefacts), ['api', 'all'])
  writeFiles(folder, { 'services/api/node_modules/x/index.js': 'installed anew' })
  assert.equal(await observe(folder), source)

  const destination = join(temporaryFolder(), 'source')
  unwrap(await exportSourceTo(folder, { ...source, workingTree: true }, destination, never))
  assert.equal(readdirSync(destination).sort(), ['.env.dev.example', 'services'])
  assert.equal(readdirSync(join(destination, 'services/api')).sort(), ['link.js', 'main.js'])
  assert.is(lstatSync(join(destination, 'services/api/main.js')).mode & 0o111, 0o111)
  writeFiles(folder, { 'services/api/main.js': 'api 2' })
  const changed = await exportSourceTo(folder, { ...source, workingTree: true }, `${destination}-2`, never)
  assert.is(!changed.ok && changed.failures[0].code, 'changed-meanwhile')
  const revision = await observeSource(folder, contexts, { revision: 'v1', allowDirty: true })
  assert.is(!revision.ok && revision.failures[0].code, 'no-repository')
})

test('a repository without a commit is its working tree', async () => {
  const folder = temporaryFolder()
  writeFiles(folder, { 'services/api/main.js': 'api' })
  git(folder, 'init', '--quiet')
  const source = await observe(folder)
  assert.match(source.commit, /^tree-/)
  assert.equal(source.dirty, [])
})

test('export-source: a commit of a workspace in a subfolder, all at once, once', async () => {
  const { folder, commit } = repository()
  const { run, check } = bench(folder)
  const data = { release: 1, revision: 'HEAD', commit, workingTree: false }
  writeFiles(folder, { 'services/api/main.js': 'not committed', '.ops/releases/dev/1/.source-dead/half': 'x' })
  assert.is(await check('export-source', data), 'pending')
  await run('export-source', data)
  const home = join(folder, '.ops/releases/dev/1')
  assert.equal(readdirSync(home).sort(), ['source', 'source.json'])
  assert.equal(readdirSync(join(home, 'source')).sort(), ['.gitignore', 'Taskfile.ts', 'services'])
  assert.is(readFileSync(join(home, 'source/services/api/main.js'), 'utf8'), 'api')
  assert.is(await check('export-source', data), 'done')
  assert.is((await run('export-source', data)).message, 'there already')
  assert.is(await check('export-source', { ...data, commit: 'f'.repeat(40) }), 'pending')
})

test('export-source: the working tree as it was planned, else nothing', async () => {
  const { folder } = repository()
  writeFiles(folder, { 'services/api/main.js': 'dirty' })
  const source = await observe(folder, { allowDirty: true })
  const { run, failing } = bench(folder)
  const data = { release: 1, revision: source.revision, commit: source.commit, workingTree: true }
  await run('export-source', data)
  assert.is(readFileSync(join(folder, '.ops/releases/dev/1/source/services/api/main.js'), 'utf8'), 'dirty')
  writeFileSync(join(folder, 'services/api/main.js'), 'other')
  assert.is((await failing('export-source', { ...data, release: 2 })).code, 'changed-meanwhile')
  assert.equal(readdirSync(join(folder, '.ops/releases/dev/2')), [])
})

test('run-build: in the source, with its output; not again for the same files and command', async () => {
  const folder = temporaryFolder()
  writeFiles(folder, { '.ops/releases/dev/1/source/app/input': 'x' })
  const { run, check, failing, lines } = bench(folder)
  const data = {
    service: 'api',
    source: { kind: 'release' as const, release: 1 },
    command: ['sh', '-c', 'echo "run $VITAL_OPS_RUN"; printf "built in %s" "$PWD" >&2; cp input output'],
    directory: 'app',
    artefact: 'tree-1',
  }
  assert.is(await check('run-build', data), 'pending')
  await run('run-build', data)
  const app = join(folder, '.ops/releases/dev/1/source/app')
  assert.equal(lines.sort(), [`built in ${app}`, 'run run-of-the-test'])
  assert.ok(existsSync(join(app, 'output')))
  assert.is(await check('run-build', data), 'done')
  assert.is((await run('run-build', data)).message, 'built already')
  for (const change of [{ artefact: 'tree-2' }, { artefact: '' }, { command: ['true'] }, { directory: '.' }]) {
    assert.is(await check('run-build', { ...data, ...change }), 'pending')
  }

  const failure = await failing('run-build', { ...data, artefact: 'tree-2', command: ['sh', '-c', 'echo why; exit 3'] })
  assert.is(failure.message, 'the build of api ended with status 3')
  assert.equal(failure.lines, ['why'])
  // What was there may be half overwritten.
  assert.is(await check('run-build', data), 'pending')
})

test('run-build: interrupted, it ends with everything that it has started', async () => {
  const { failing, abort, lines } = bench(temporaryFolder())
  const data = {
    service: 'api',
    source: { kind: 'working-tree' as const },
    command: ['sh', '-c', 'sleep 1000 & echo $!; wait'],
    directory: '.',
    artefact: 'x',
  }
  const building = failing('run-build', data)
  const pid = await until(() => Number(lines[0]), { what: 'the build' })
  abort()
  assert.is((await building).code, 'aborted')
  assert.not.ok(lives(pid))
})

test('prune-releases: removes what nobody uses', async () => {
  const folder = temporaryFolder()
  const { run, check, platform, lines } = bench(folder)
  const service = (number: number) => ({
    service: 'api',
    fingerprint: {},
    dependencies: [],
    spec: spec({ source: { kind: 'release', release: number } }),
  })
  await platform.releases.open(release(1))
  await platform.releases.open(release(2))
  await platform.releases.open(release(3))
  await platform.releases.open(release(4, { services: [service(2)] }))
  await platform.releases.setCurrent(4, 'run')
  await run('prune-releases', { releases: [1, 2, 4] })
  assert.equal(
    (await platform.releases.list()).map(({ number }) => number),
    [2, 3, 4],
  )
  assert.equal(lines, ['kept, since their files are in use: 2, 4'])
  assert.is(await check('prune-releases', { releases: [1] }), 'done')
  assert.is(await check('prune-releases', { releases: [2] }), 'pending')
})

test('send-notification: the release as JSON on standard input', async () => {
  const folder = temporaryFolder()
  const { run, failing, platform } = bench(folder)
  await platform.releases.open(release(1, { revision: 'v1' }))
  const out = join(folder, 'out')
  await run('send-notification', { on: 'healthy', command: ['sh', '-c', 'cat > "$0"', out], release: 1 })
  const sent = JSON.parse(readFileSync(out, 'utf8')) as {
    on: string
    environment: string
    release: { revision: string }
  }
  assert.equal([sent.on, sent.environment, sent.release.revision], ['healthy', 'dev', 'v1'])
  const failure = await failing('send-notification', {
    on: 'failed',
    command: ['sh', '-c', 'echo no >&2; exit 1'],
    release: 1,
  })
  assert.is(failure.code, 'notification-not-sent')
})

test.run()
