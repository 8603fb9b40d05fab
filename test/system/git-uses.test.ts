import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { usesIn } from '../../lib/system/git-uses.ts'
import { run, temporaryFolder } from '../support/index.ts'

test('the lines of a commit that say a word, in files that say the others too', async () => {
  const top = temporaryFolder()
  const folder = join(top, 'shop (1)')
  const write = (path: string, text: string) => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const git = async (...args: string[]) => {
    const done = await run(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: top })
    assert.is(done.status, 0, done.stderr)
    return done.stdout.trim()
  }
  await git('init', '-q')
  write('a [b].ts', 'from hits\nselect label,\nlabels: label_of\n')
  write('other.ts', 'label of nothing\n')
  write('database/migrations/1_a.sql', 'alter table hits add label text\n')
  write('notes.md', 'hits have a label\n')
  writeFileSync(join(top, 'outside.ts'), 'hits label\n')
  await git('add', '-A')
  await git('commit', '-q', '-m', 'one')
  const commit = await git('rev-parse', 'HEAD')
  write('later.ts', 'hits label\n')
  const exclude = ['database/migrations', 'database/schema']
  assert.equal(await usesIn(folder, commit, ['label', 'hits'], { exclude }), [
    { file: 'a [b].ts', line: 2, text: 'select label,' },
  ])
  assert.equal(
    (await usesIn(folder, commit, ['label'], { exclude }))?.map(({ file }) => file),
    ['a [b].ts', 'other.ts'],
  )
  assert.equal(await usesIn(folder, commit, ['nothing-like-it'], { exclude }), [])
  assert.equal(await usesIn(folder, commit, ['--cached'], { exclude }), [])
  assert.is(await usesIn(folder, '0'.repeat(40), ['label'], { exclude }), undefined)
  assert.is(await usesIn(folder, 'tree-abc', ['label'], { exclude }), undefined)
  assert.is(await usesIn(temporaryFolder(), commit, ['label'], { exclude }), undefined)
})

test.run()
