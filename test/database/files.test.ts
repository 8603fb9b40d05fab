import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readMigrations, readSeeds } from '../../lib/database/files.ts'
import { KnownFiles } from '../../lib/database/known-files.ts'
import { compareVersions } from '../../lib/database/migrations/names.ts'
import { unwrap } from '../../lib/model/failure.ts'
import { repository, temporaryFolder } from '../support/index.ts'

function folderOf(files: Record<string, string | Buffer>): string {
  const root = temporaryFolder()
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, name)), { recursive: true })
    writeFileSync(join(root, name), content)
  }
  return root
}

const codesOf = async (files: Record<string, string | Buffer>) => {
  const result = await readMigrations(folderOf(files), 'm')
  return result.ok ? [] : result.failures.map(({ code, place }) => [code, place?.file])
}

test("the example's migrations: version order, names, effects, paths relative to the root", async () => {
  const files = unwrap(await readMigrations(join(repository, 'example'), 'database/migrations'))
  assert.ok(files.length >= 4)
  assert.equal(
    files.map(({ version }) => version),
    files.map(({ version }) => version).sort(),
  )
  assert.is(files[0]?.name, 'create_hits')
  assert.is(files[0]?.path, 'database/migrations/20260901090000_create_hits.sql')
  assert.ok(files.every(({ effect, sha256 }) => effect === 'expand' && /^[0-9a-f]{64}$/.test(sha256)))
})

test('a folder that is not there has no files; others than .sql are passed over', async () => {
  assert.equal(unwrap(await readMigrations(temporaryFolder(), 'nothing')), [])
  assert.equal(unwrap(await readSeeds(temporaryFolder(), 'nothing')), [])
  const root = folderOf({ 'm/README.md': 'x', 'm/.hidden.sql': 'x', 'm/sub/1_x.sql': 'select 1' })
  assert.equal(unwrap(await readMigrations(root, 'm')), [])
})

test('versions are numbers of any length', async () => {
  const root = folderOf({ 'm/10.sql': '', 'm/9_b.sql': '', 'm/0001-a.sql': '', 'm/20260101120000_z.sql': '' })
  const files = unwrap(await readMigrations(root, 'm'))
  assert.equal(
    files.map(({ version, name }) => `${version} ${name}`),
    ['0001 a', '9 b', '10 ', '20260101120000 z'],
  )
  assert.is(compareVersions('99999999999999999998', '99999999999999999999'), -1)
})

test('all failures at once: names, duplicates, encodings, formats', async () => {
  assert.equal(
    await codesOf({
      'm/no_version.sql': 'select 1',
      'm/1_a.sql': 'select 1',
      'm/01_b.sql': 'select 1',
      'm/2_c.sql': Buffer.from([0x73, 0xff, 0xfe]),
      'm/3_d.sql': 'select \0',
      'm/4_e.sql': '-- migrate:down\nselect 1',
    }),
    [
      ['sql-file-encoding', 'm/2_c.sql'],
      ['sql-file-encoding', 'm/3_d.sql'],
      ['migration-format', 'm/4_e.sql'],
      ['migration-name', 'm/no_version.sql'],
      ['migration-duplicate', 'm/1_a.sql'],
    ],
  )
})

test('a syntax error is no failure of reading: the file counts as breaking, and applying it is refused', async () => {
  const [file] = unwrap(await readMigrations(folderOf({ 'm/1_a.sql': 'create tabel a ()' }), 'm'))
  assert.is(file?.effect, 'breaking')
})

test('what was found in many files is noted, and not looked for again until they change', async () => {
  const names = Array.from({ length: 40 }, (_, index) => `m/${index + 1}_a.sql`)
  const text = (index: number) =>
    `-- migrate:up\ncreate table t${index} (a int);\n-- migrate:down\ndrop table t${index};\n`
  const root = folderOf(Object.fromEntries(names.map((name, index) => [name, text(index)])))
  const note = join(root, 'cache/migrations.json')
  const read = async () => unwrap(await readMigrations(root, 'm', await KnownFiles.read(note)))
  const files = await read()
  assert.equal(
    new Set(files.map(({ effect, down, path }) => `${effect} ${down?.path === path}`)),
    new Set(['expand true']),
  )
  assert.equal(await read(), files)
  // Another answer in the note shows that it is asked.
  const noted = readFileSync(note, 'utf8')
  writeFileSync(note, noted.replaceAll('expand', 'breaking'))
  writeFileSync(join(root, 'm/7_a.sql'), text(100))
  assert.equal(
    (await read()).flatMap(({ version, effect }) => (effect === 'expand' ? [version] : [])),
    ['7'],
  )
  for (const useless of [noted.slice(0, 100), noted.replace('"rules":', '"rules":9'), '']) {
    writeFileSync(note, useless.replaceAll('expand', 'breaking'))
    assert.is((await read())[0]?.effect, 'expand')
    assert.is(JSON.parse(readFileSync(note, 'utf8')).rules, 2)
  }
})

test('the digest forgives a byte order mark, line ends and white space at the end, and nothing else', async () => {
  const digest = async (text: string) => unwrap(await readSeeds(folderOf({ 's/1.sql': text }), 's'))[0]?.sha256
  const plain = await digest('select 1;\nselect 2;')
  for (const same of ['select 1;\r\nselect 2;\r\n', '\ufeffselect 1;\nselect 2;', 'select 1;\nselect 2; \t\n\n']) {
    assert.is(await digest(same), plain, JSON.stringify(same))
  }
  for (const other of [
    'select 1; \nselect 2;',
    ' select 1;\nselect 2;',
    'select 1;\n\nselect 2;',
    'select 1;\rselect 2;',
  ]) {
    assert.is.not(await digest(other), plain, JSON.stringify(other))
  }
})

test('seeds come in the order of their names', async () => {
  const root = folderOf({ 's/20-b.sql': 'select 2', 's/10-a.sql': 'select 1', 's/README.md': '' })
  assert.equal(
    unwrap(await readSeeds(root, 's')).map(({ name, path }) => [name, path]),
    [
      ['10-a.sql', 's/10-a.sql'],
      ['20-b.sql', 's/20-b.sql'],
    ],
  )
})

test.run()
