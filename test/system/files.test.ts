import { randomInt } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FailureError } from '../../lib/model/failure.ts'
import {
  ensurePrivateFolder,
  exists,
  isTemporaryName,
  readJson,
  readText,
  removeTree,
  writeFileAtomic,
} from '../../lib/system/files.ts'
import { skip, start, temporaryFolder, until } from '../support/index.ts'
import { buildProgram } from './support/fixture.ts'

const mode = (path: string) => statSync(path).mode & 0o7777

/** The code of the failure that an action ends with. */
async function codeOf(action: Promise<unknown>): Promise<string> {
  try {
    await action
  } catch (error) {
    if (error instanceof FailureError) return error.failures[0]?.code ?? ''
    throw error
  }
  return 'no failure'
}

test('a file is written whole, with its mode whatever the umask', async () => {
  const path = join(temporaryFolder(), 'file')
  const umask = process.umask(0o077)
  try {
    await writeFileAtomic(path, 'one')
    assert.is(mode(path), 0o644)
    await writeFileAtomic(path, 'two', { mode: 0o600 })
    assert.is(mode(path), 0o600)
    await writeFileAtomic(path, new Uint8Array([0, 255]))
    assert.is(mode(path), 0o600, 'it keeps the mode that it had')
    assert.equal(readFileSync(path), Buffer.from([0, 255]))
  } finally {
    process.umask(umask)
  }
  assert.equal(readdirSync(join(path, '..')), ['file'], 'no temporary file is left')
})

test('a link is written through, and stays', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'real'), 'old')
  symlinkSync('real', join(folder, 'link'))
  await writeFileAtomic(join(folder, 'link'), 'new')
  assert.ok(lstatSync(join(folder, 'link')).isSymbolicLink())
  assert.is(readFileSync(join(folder, 'real'), 'utf8'), 'new')
})

test('what goes wrong is a failure with the path, and leaves nothing behind', async () => {
  const folder = temporaryFolder()
  mkdirSync(join(folder, 'taken'))
  assert.is(await codeOf(writeFileAtomic(join(folder, 'no/such/file'), 'x')), 'file-not-found')
  assert.is(await codeOf(writeFileAtomic(join(folder, 'taken'), 'x')), 'is-a-folder')
  assert.is(await codeOf(writeFileAtomic(join(folder, 'x'.repeat(300)), 'x')), 'name-too-long')
  assert.equal(readdirSync(folder), ['taken'])
})

test('a full disk is told as that, and the old content stays', async () => {
  // Everything that is written to /dev/full fails with ENOSPC; a folder there cannot be, so the file itself is a link to it.
  if (!existsSync('/dev/full')) skip('there is no /dev/full', { allowedOnCi: true })
  const { openDurableAppender } = await import('../../lib/system/journal-file.ts')
  const path = join(temporaryFolder(), 'journal')
  symlinkSync('/dev/full', path)
  const result = await codeOf(openDurableAppender(path).then((journal) => journal.append('line')))
  assert.ok(['disk-full', 'file-not-opened'].includes(result), result)
})

test('whoever reads while the writer is killed again and again sees a whole file', async () => {
  const program = await buildProgram('writer')
  const folder = temporaryFolder()
  const path = join(folder, 'file')
  for (let round = 1; round <= 15; round++) {
    const writer = start([process.execPath, program, 'atomic', path])
    writer.ended.catch(() => {})
    await until(() => writer.stdout() !== '', { what: 'the writer to write' })
    const end = performance.now() + randomInt(5, 60)
    while (performance.now() < end) {
      assert.match(readFileSync(path, 'latin1'), /^(.)\1{199999}$/)
      await pause(1)
    }
    process.kill(writer.pid, 'SIGKILL')
    await writer.ended
    assert.match(readFileSync(path, 'latin1'), /^(.)\1{199999}$/)
  }
  const others = readdirSync(folder).filter((name) => name !== 'file')
  assert.ok(others.every(isTemporaryName), others.join(' '))
})

test('JSON: the value, undefined for no file, a failure for what is none', async () => {
  const folder = temporaryFolder()
  writeFileSync(join(folder, 'good'), '{"a":[1]}')
  writeFileSync(join(folder, 'bad'), '{"a":')
  assert.equal(await readJson(join(folder, 'good')), { a: [1] })
  assert.is(await readJson(join(folder, 'none')), undefined)
  assert.is(await readText(join(folder, 'none')), undefined)
  assert.is(await codeOf(readJson(join(folder, 'bad'))), 'json-invalid')
  assert.is(await codeOf(readJson(folder)), 'is-a-folder')
})

test('a private folder is 0700, also one that was there; links and files are refused', async () => {
  const folder = temporaryFolder()
  const inner = join(folder, 'a/b/c')
  await ensurePrivateFolder(inner)
  assert.is(mode(inner), 0o700)
  chmodSync(inner, 0o755)
  await ensurePrivateFolder(inner)
  assert.is(mode(inner), 0o700)
  symlinkSync(inner, join(folder, 'link'))
  assert.is(await codeOf(ensurePrivateFolder(join(folder, 'link'))), 'folder-not-private')
  writeFileSync(join(folder, 'file'), '')
  assert.not.equal(await codeOf(ensurePrivateFolder(join(folder, 'file'))), 'no failure')
})

test('removeTree removes what is there, and neither / nor the home folder', async () => {
  const folder = join(temporaryFolder(), 'tree')
  mkdirSync(join(folder, 'a/b'), { recursive: true })
  writeFileSync(join(folder, 'a/b/c'), '')
  symlinkSync('/nowhere', join(folder, 'broken'))
  assert.ok(await exists(join(folder, 'broken')))
  await removeTree(folder)
  assert.not.ok(await exists(folder))
  await removeTree(folder)
  for (const path of ['', '/', '//', homedir(), `${homedir()}/`]) {
    const outcome = await removeTree(path).then(
      () => 'removed',
      (error: Error) => error.message,
    )
    assert.match(outcome, 'was asked to remove', path)
  }
})

test.run()
