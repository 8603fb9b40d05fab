import { execFileSync } from 'node:child_process'
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Result, unwrap } from '../../lib/model/failure.ts'
import { dirtyFiles, exportTree, gitTopLevel, parseStatus, resolveCommit } from '../../lib/system/git.ts'
import { fileDigest, treeDigest } from '../../lib/system/trees.ts'
import { temporaryFolder } from '../support/index.ts'

const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org', '-c', 'init.defaultBranch=main']
const git = (folder: string, ...args: string[]) =>
  execFileSync('git', ['-C', folder, ...identity, ...args], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })

const codeOf = (result: Result<unknown>) => (result.ok ? 'ok' : result.failures[0].code)

/** A repository with one commit; its service `app` has odd names, an executable, a link, and ignored files. */
function repository(): string {
  const folder = temporaryFolder()
  git(folder, 'init', '-q')
  mkdirSync(join(folder, 'app/src'), { recursive: true })
  writeFileSync(join(folder, 'top.txt'), 'top')
  writeFileSync(join(folder, '.gitignore'), 'ignored/\n*.log\n')
  writeFileSync(join(folder, 'app/src/ü b.txt'), 'odd')
  writeFileSync(join(folder, 'app/-n'), 'dash')
  writeFileSync(join(folder, 'app/run'), '#!/bin/sh\n')
  chmodSync(join(folder, 'app/run'), 0o755)
  symlinkSync('src', join(folder, 'app/link'))
  git(folder, 'add', '-A')
  git(folder, 'commit', '-qm', 'one')
  git(folder, 'tag', 'v1')
  return folder
}

test('the top folder, from below; none outside of a repository', async () => {
  const folder = repository()
  assert.is(unwrap(await gitTopLevel(join(folder, 'app/src'))), folder)
  assert.is(unwrap(await gitTopLevel(temporaryFolder())), undefined)
  assert.is(codeOf(await gitTopLevel(join(folder, 'no/such'))), 'command-failed')
})

test('references become commits; what is none is a failure, also what looks like an option', async () => {
  const folder = repository()
  const head = git(folder, 'rev-parse', 'HEAD').trim()
  for (const reference of ['HEAD', 'main', 'v1', head.slice(0, 8), 'v1^{commit}']) {
    assert.is(unwrap(await resolveCommit(folder, reference)), head, reference)
  }
  for (const reference of ['', 'v2', '--all', '-h', 'HEAD~5', 'HEAD:app', '$(id)']) {
    assert.is(codeOf(await resolveCommit(folder, reference)), 'unknown-revision', reference)
  }
})

test('git variables of a surrounding hook do not lead astray', async () => {
  const [folder, other] = [repository(), repository()]
  process.env.GIT_DIR = join(other, '.git')
  process.env.GIT_INDEX_FILE = join(other, '.git/index')
  try {
    assert.is(unwrap(await gitTopLevel(folder)), folder)
    assert.equal(unwrap(await dirtyFiles(folder)), [])
  } finally {
    delete process.env.GIT_DIR
    delete process.env.GIT_INDEX_FILE
  }
})

test('dirty files: of the folder alone, whatever was done to them', async () => {
  const folder = repository()
  assert.equal(unwrap(await dirtyFiles(folder)), [])
  writeFileSync(join(folder, 'top.txt'), 'changed')
  const app = join(folder, 'app')
  assert.equal(unwrap(await dirtyFiles(app)), [])
  writeFileSync(join(app, 'new file'), 'x')
  writeFileSync(join(app, 'noise.log'), 'ignored')
  rmSync(join(app, '-n'))
  renameSync(join(app, 'run'), join(app, 'ran'))
  git(folder, 'add', '-A', 'app/run', 'app/ran')
  assert.equal(unwrap(await dirtyFiles(app)), ['-n', 'new file', 'ran', 'run'])
  assert.equal(unwrap(await dirtyFiles(folder)), ['app/-n', 'app/new file', 'app/ran', 'app/run', 'top.txt'])
  assert.equal(parseStatus('R  new\0old\0?? x y\0'), ['new', 'old', 'x y'])
})

test('a commit’s subfolder is exported as it was, whatever the working tree is', async () => {
  const folder = repository()
  const commit = unwrap(await resolveCommit(folder, 'v1'))
  rmSync(join(folder, 'app'), { recursive: true })
  const destination = join(temporaryFolder(), 'release/1')
  unwrap(await exportTree(folder, commit, 'app/', destination))
  assert.equal(readdirSync(destination).sort(), ['-n', 'link', 'run', 'src'])
  assert.is(readFileSync(join(destination, 'src/ü b.txt'), 'utf8'), 'odd')
  assert.is(readlinkSync(join(destination, 'link')), 'src')
  assert.ok(statSync(join(destination, 'run')).mode & 0o100)
  assert.not.ok(statSync(join(destination, '-n')).mode & 0o111)
  assert.equal(readdirSync(join(destination, '..')), ['1'], 'no archive is left')
  const whole = join(temporaryFolder(), 'whole')
  unwrap(await exportTree(folder, commit, '', whole))
  assert.equal(readdirSync(whole).sort(), ['.gitignore', 'app', 'top.txt'])
  assert.is(codeOf(await exportTree(folder, commit, 'no-such', join(whole, 'x'))), 'command-failed')
})

test('the digest of an export is that of the files, wherever they are; any change shows', async () => {
  const folder = repository()
  const commit = unwrap(await resolveCommit(folder, 'HEAD'))
  const app = join(folder, 'app')
  const copy = join(temporaryFolder(), 'copy')
  unwrap(await exportTree(folder, commit, 'app', copy))
  const digest = await treeDigest(app)
  assert.match(digest, /^[0-9a-f]{64}$/)
  assert.is(await treeDigest(copy), digest)
  const seen = new Set([digest])
  const changes: (() => void)[] = [
    () => writeFileSync(join(copy, '-n'), 'dasH'),
    () => chmodSync(join(copy, 'run'), 0o644),
    () => renameSync(join(copy, '-n'), join(copy, '-m')),
    () => rmSync(join(copy, 'link')),
    () => symlinkSync('elsewhere', join(copy, 'link')),
    () => writeFileSync(join(copy, 'src/more'), ''),
    () => writeFileSync(join(copy, 'src-more'), ''),
  ]
  for (const [index, change] of changes.entries()) {
    change()
    seen.add(await treeDigest(copy))
    assert.is(seen.size, index + 2, `change ${index} is not seen`)
  }
  mkdirSync(join(copy, 'node_modules'))
  const before = await treeDigest(copy, ['node_modules'])
  writeFileSync(join(copy, 'node_modules/x'), '')
  assert.is(await treeDigest(copy, ['node_modules']), before)
  writeFileSync(join(copy, 'empty'), '')
  const ofNothing = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  assert.is(await fileDigest(join(copy, 'empty')), ofNothing)
})

test.run()
