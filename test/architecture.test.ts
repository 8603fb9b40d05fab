import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { suite, test } from 'uvu'
import * as assert from 'uvu/assert'
import { readSources, type Violation } from './support/architecture/files.ts'
import {
  type Allowed,
  documented,
  type Groups,
  importOrder,
  inputAndOutput,
  noCycles,
  noExitNoPrinting,
  packagesOf,
  size,
} from './support/architecture/rules.ts'
import { importsOf, scan } from './support/architecture/scan.ts'
import { repository, temporaryFolder } from './support/index.ts'

/** Imports go to earlier lines only; folders on one line are siblings. */
const groups: Groups = [
  // The build program stands alone: what it makes, it cannot import.
  ['lib/build'],
  ['lib/model'],
  ['lib/validate', 'lib/manifest'],
  ['lib/plan', 'lib/convert', 'lib/audit'],
  ['lib/log'],
  ['lib/system'],
  ['lib/probes', 'lib/database'],
  ['lib/backup', 'lib/platform'],
  ['lib/execute'],
  ['lib/task'],
  // What a Taskfile imports.
  ['lib/index.ts', 'lib/zx.ts'],
  ['tasks'],
  ['lib/cli'],
]

/** What these folders import besides our own files. */
const packages: Record<string, string[]> = { 'lib/model': ['zod'] }

const files = ['build', 'system', 'probes', 'database', 'backup', 'platform', 'execute', 'task', 'cli'].map(
  (folder) => `lib/${folder}/`,
)

/** Who may touch the machine, and by which means. `model`, `validate`, `manifest`, `plan`, `convert`, `audit`, `log`, `tasks`: none. */
const inputOutput: Allowed = {
  'node:fs': files,
  'node:fs/promises': files,
  'node:child_process': ['lib/build/', 'lib/system/'],
  'node:net': ['lib/system/', 'lib/probes/', 'lib/database/', 'lib/platform/'],
  'node:tls': ['lib/system/', 'lib/probes/', 'lib/database/'],
  'node:http': ['lib/probes/', 'lib/platform/'],
  'node:https': ['lib/probes/', 'lib/platform/'],
  'node:http2': [],
  'node:dns': ['lib/system/', 'lib/probes/'],
  'node:dns/promises': ['lib/system/', 'lib/probes/'],
  'node:dgram': [],
  'node:cluster': [],
  'node:worker_threads': [],
  fetch: ['lib/backup/', 'lib/platform/'],
  execa: ['lib/system/'],
  // Its helpers, for Taskfiles; `$` is our own.
  zx: ['lib/zx.ts'],
  pg: ['lib/database/', 'lib/probes/'],
}

/** The folders that talk to the terminal and set the exit code. */
const talking = ['lib/cli/', 'lib/build/build.mjs']

const longFiles: Record<string, string> = {}

const show = (violations: Violation[]) => violations.map(({ path, line, text }) => `${path}:${line} ${text}`).join('\n')
const none = (violations: Violation[]) => assert.is(show(violations), '')
const sources = readSources(repository)

test('there are sources', () => assert.ok(sources.length > 50, `${sources.length} files`))
test('imports go to earlier layers, and between siblings one way', () => none(importOrder(sources, groups)))
test('the model imports zod alone', () => none(packagesOf(sources, packages)))
test('no file imports itself through others', () => none(noCycles(sources)))
test('input and output happen where they may', () => none(inputAndOutput(sources, inputOutput)))
test('no library code prints or ends the process', () => none(noExitNoPrinting(sources, talking)))
test('every export is documented', () => none(documented(sources)))
test('no file is long without a reason', () => none(size(sources, 300, longFiles)))
test.run()

const rules = suite('the rules find')

/** Writes source files into a folder of their own and reads them. */
function seed(files: Record<string, string>) {
  const root = temporaryFolder()
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return readSources(root)
}

rules('an import to a later layer, of a value or a type', () => {
  const files = seed({
    'lib/model/a.ts': "import type { B } from '../plan/b.ts'\nimport { b } from '../plan/b.ts'\n",
    'lib/plan/b.ts': "import { a } from '../model/a.ts'\n",
  })
  assert.is(
    show(importOrder(files, groups)),
    'lib/model/a.ts:1 imports a type of lib/plan/b.ts\nlib/model/a.ts:2 imports lib/plan/b.ts',
  )
})

rules('an import to a later layer that is dynamic, re-exported or spread over lines', () => {
  const files = seed({
    'lib/model/a.ts':
      "export * from '../cli/x.ts'\nimport {\n  one,\n  two,\n} from '../cli/x.ts'\nconst y = await import('../cli/x.ts')\n",
    'lib/cli/x.ts': '',
  })
  assert.equal(
    importOrder(files, groups).map(({ line }) => line),
    [1, 2, 6],
  )
})

rules('siblings that import each other', () => {
  const files = seed({
    'lib/probes/a.ts': "import { b } from '../database/b.ts'\n",
    'lib/database/b.ts': '',
    'lib/database/c.ts': "import type { A } from '../probes/a.ts'\n",
  })
  assert.is(
    show(importOrder(files, groups)),
    'lib/database:1 siblings in a cycle: lib/database → lib/probes → lib/database',
  )
})

rules('a folder without a place, and an import of nothing', () => {
  const files = seed({ 'lib/misc/a.ts': '', 'lib/plan/b.ts': "import { x } from './absent.ts'\n" })
  assert.match(show(importOrder(files, groups)), /lib\/misc has no place/)
  assert.match(show(importOrder(files, groups)), /absent\.ts, which does not exist/)
})

rules('a package in the model', () => {
  const files = seed({ 'lib/model/a.ts': "import { z } from 'zod'\nimport { join } from 'node:path'\n" })
  assert.is(show(packagesOf(files, packages)), 'lib/model/a.ts:2 imports node:path')
})

rules('a cycle of files, and which of its imports are types', () => {
  const files = seed({
    'lib/plan/a.ts': "import { b } from './b.ts'\n",
    'lib/plan/b.ts': "import type { C } from './c.ts'\n",
    'lib/plan/c.ts': "export { a } from './a.ts'\n",
    'lib/plan/d.ts': "import { a } from './a.ts'\n",
  })
  assert.is(
    show(noCycles(files)),
    'lib/plan/a.ts:1 lib/plan/a.ts → lib/plan/b.ts → (types) lib/plan/c.ts → lib/plan/a.ts',
  )
})

rules('input and output in a pure layer, also without node: and by fetch', () => {
  const files = seed({
    'lib/plan/a.ts': "import { readFileSync } from 'node:fs'\nimport type { Socket } from 'node:net'\n",
    'lib/plan/b.ts':
      "import { spawn } from 'child_process'\nconst x = require('pg')\nawait fetch('https://example.org')\n",
    'lib/plan/c.ts': '// fetch(x)\nthis.fetch(1)\nfunction fetch() {}\nconst text = `fetch(1)`\n',
    'lib/system/d.ts': "import { execa } from 'execa'\n",
  })
  assert.is(
    show(inputAndOutput(files, inputOutput)),
    'lib/plan/a.ts:1 uses node:fs\nlib/plan/b.ts:1 uses node:child_process\nlib/plan/b.ts:2 uses pg\nlib/plan/b.ts:3 uses fetch',
  )
})

rules('printing and ending the process', () => {
  const files = seed({
    'lib/log/a.ts':
      "process.exit(1)\nconsole.log(1)\nprocess.stdout.write('')\nprocess.exitCode = 1\n// process.exit\n'process.exit'\n",
    'lib/cli/b.ts': 'process.exitCode = 1\n',
  })
  assert.equal(
    noExitNoPrinting(files, talking).map(({ line }) => line),
    [1, 2, 3, 4],
  )
})

rules('exports without documentation', () => {
  const files = seed({
    'lib/log/a.ts': [
      '/** Yes. */\nexport const a = 1',
      'export const b = 2',
      '// No.\nexport function c() {}',
      '/* No. */\nexport type D = 1',
      '/** Yes. */\n// biome-ignore lint: a reason\nexport type Y = 1',
      '/** Not directly. */\n\nexport type N = 1',
      '/** Of something else. */\nconst x = 1\nexport interface E {}',
      '/**\n * Yes.\n */\nexport async function f(): void\nexport async function f() {}',
      "const text = `\nexport const g = 1\n`\nexport type { H } from './h.ts'",
    ].join('\n\n'),
  })
  assert.is(
    documented(files)
      .map(({ text }) => text)
      .join(', '),
    'b has none, c has none, D has none, N has none, E has none',
  )
})

rules('long files, and reasons that nobody needs', () => {
  const files = seed({ 'lib/log/a.ts': 'x\n'.repeat(301), 'lib/log/b.ts': 'x\n', 'lib/log/c.ts': 'x\n'.repeat(300) })
  assert.is(
    show(size(files, 300, { 'lib/log/b.ts': 'a table', 'lib/log/gone.ts': 'a table' })),
    [
      'lib/log/a.ts:301 has 301 lines',
      'lib/log/b.ts:1 needs no reason to be long',
      'lib/log/gone.ts:1 has a reason to be long and does not exist',
    ].join('\n'),
  )
})

rules('imports only where there are some', () => {
  const text = [
    "import { type A, b } from './1.ts'",
    "import type { C } from './2.ts'",
    "import type from './3.ts'",
    "import './4.ts'",
    "type D = import('./5.ts').D",
    "const e = (await import('./6.ts')).e",
    "// import x from './no.ts'",
    "const f = `\nimport x from './no.ts'\n${`${await import('./7.ts')}`}\nimport x from './no.ts'`",
    `const g = /['"\`/]/.test("import x from './no.ts'") ? 4 / 2 / 1 : /[/'"]/`,
    "export * as h from './8.ts'",
  ].join('\n')
  assert.is(
    importsOf(scan(text))
      .map(({ specifier, typeOnly }) => `${specifier.slice(2, 3)}${typeOnly ? 't' : ''}`)
      .join(' '),
    '1 2t 3 4 5t 6 7 8',
  )
})

rules('a text that they cannot read, and say so', () => {
  assert.throws(() => scan("const a = 'x\n"), /string .* does not end/)
  assert.throws(() => scan('const a = `x'), /template .* does not end/)
})

rules.run()
