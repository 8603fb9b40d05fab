import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repository } from '../support/index.ts'
import { brokenWorkspaces } from './broken/index.ts'

const documentation = readFileSync(join(repository, 'docs/configuration.md'), 'utf8')
const table = documentation.slice(documentation.indexOf('## Mistakes'))
const documented = new Set([...table.matchAll(/`([a-z]+(?:-[a-z]+)+)`/g)].map(([, code]) => code as string))

const sources = ['lib/manifest', 'lib/validate', 'lib/validate/rules', 'lib/system/secrets']
  .flatMap((folder) => readdirSync(join(repository, folder)).map((name) => join(repository, folder, name)))
  .concat(['env-file', 'load-environment', 'workspace-files'].map((name) => join(repository, `lib/system/${name}.ts`)))
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(path, 'utf8'))
  .join('\n')

test('every code of a failure is in docs/configuration.md', () => {
  const written = [...sources.matchAll(/\b(?:code|rule): '([a-z-]+)'/g)].map(([, code]) => code as string)
  const shown = brokenWorkspaces.flatMap(({ expected }) =>
    expected.map(([head]) => /[^ ]+ ([a-z-]+)/.exec(head)?.[1] ?? ''),
  )
  const missing = [...new Set([...written, ...shown])].filter((code) => !documented.has(code))
  assert.equal(missing, [])
  assert.ok(written.length > 30)
})

test('every code of the documentation is in the sources', () => {
  const gone = [...documented].filter(
    (code) => !sources.includes(`'${code}'`) && !sources.includes(`\`${code.split('-')[0]}-\${`),
  )
  assert.equal(gone, [])
})

test('every code that a text of configuration can have is shown by a broken workspace', () => {
  const shown = new Set(
    brokenWorkspaces.flatMap(({ expected }) => expected.map(([head]) => /[^ ]+ ([a-z-]+)/.exec(head)?.[1] ?? '')),
  )
  const elsewhere = [
    // Files, providers, the key: test/system. Rehearsals and what only a command's arguments bring about: rehearsal and resolve tests.
    ...[
      'invalid-encoding',
      'no-file',
      'env-mode',
      'identity-mode',
      'key-mode',
      'secret-file-missing',
      'identity-missing',
    ],
    ...['secret-command-failed', 'secret-decryption-failed', 'key-damaged', 'keyring-changed', 'changed-meanwhile'],
    ...['not-loopback', 'environment-broken', 'reference-unavailable', 'secret-too-short', 'committed-secret'],
    // Compose files: the tests beside this one.
    ...['no-compose-file', 'compose-not-supported', 'undeclared-network', 'overlap-refused'],
  ]
  assert.equal(
    [...documented].filter((code) => !shown.has(code) && !elsewhere.includes(code)),
    [],
  )
})

test.run()
