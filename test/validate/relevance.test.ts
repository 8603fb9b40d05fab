import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { WorkspaceTexts } from '../../lib/validate/files.ts'
import { identityIn } from '../../lib/validate/identity.ts'
import { asWarning, type Need, partByNeed, validateWorkspace } from '../../lib/validate/relevance.ts'
import { tryResolve } from '../../lib/validate/resolve.ts'
import { basePaths, baseWorkspace } from './base-workspace.ts'
import { broken } from './broken/index.ts'
import { baseValues } from './support.ts'

const dev: Need = { environment: 'dev', platform: 'local' }
const production: Need = { environment: 'production', platform: 'kubernetes' }

function codes(texts: WorkspaceTexts, need: Need): { errors: string[]; others: string[] } {
  const { workspace, failures } = validateWorkspace(texts, { exists: (path) => basePaths.has(path) })
  assert.ok(workspace)
  const { errors, others } = partByNeed(failures, workspace, need)
  return { errors: errors.map(({ code }) => code), others: others.map(({ code }) => code) }
}

test("another environment's mistakes are no errors", () => {
  const texts = broken([{ file: 'config/environments/production.yaml', from: 'protected', to: 'protcted' }])
  assert.equal(codes(texts, dev), { errors: [], others: ['unknown-key'] })
  assert.equal(codes(texts, production), { errors: ['unknown-key'], others: [] })
})

test('mistakes of a service that the environment does not have are no errors', () => {
  const texts = broken([{ file: 'config/services/redis.yaml', from: 'category: databases', to: 'category: database' }])
  assert.equal(codes(texts, production), { errors: [], others: ['invalid-value'] })
  assert.equal(codes(texts, dev).errors, ['invalid-value'])
})

test("mistakes of another platform's section are no errors, and the service runs", () => {
  const texts = broken([
    { file: 'config/services/api.yaml', from: 'namespace: statistics', to: 'namespce: statistics' },
  ])
  assert.equal(codes(texts, dev), { errors: [], others: ['missing-key', 'unknown-key'] })
  assert.equal(codes(texts, production).errors, ['missing-key', 'unknown-key'])
  const { workspace } = validateWorkspace(texts)
  assert.ok(workspace)
  const digest = ({ name }: { name: string }) => ({ secret: name, digest: '' })
  const { resolution, failures } = tryResolve(workspace, 'dev', { folder: '/', values: baseValues, digest })
  assert.equal(failures, [])
  assert.ok(resolution?.desired.services.find(({ name }) => name === 'api')?.spec)
})

test('mistakes of the workspace itself concern every command', () => {
  const texts = broken([{ file: 'config/services/mail.yml', text: 'name: mail\n' }])
  assert.equal(codes(texts, dev), { errors: ['misplaced-file'], others: [] })
})

test('a mistake that is passed over becomes a warning with its place and its mend', () => {
  const texts = broken([{ file: 'config/environments/production.yaml', from: 'protected', to: 'protcted' }])
  const { failures } = validateWorkspace(texts)
  assert.equal(failures.map(asWarning), [
    {
      rule: 'unknown-key',
      severity: 'warning',
      message: 'unknown key `protcted`',
      place: { file: 'config/environments/production.yaml', line: 5, column: 1 },
      mend: 'did you mean `protected`?',
    },
  ])
})

const readable: [title: string, texts: WorkspaceTexts][] = [
  ['a good workspace', baseWorkspace],
  ['an unknown key', broken([{ file: 'config/environments/production.yaml', from: 'protected', to: 'protcted' }])],
  ['no YAML at all', broken([{ file: 'config/environments/production.yaml', from: 'services:', to: '\tservices: [' }])],
  [
    'a workspace file with an unknown key',
    broken([{ file: 'config/workspace.yaml', from: 'id: k3v9x2m7q1', to: 'id: "k3v9x2m7q1" # ours\ncolour: [' }]),
  ],
]
for (const [title, texts] of readable) {
  test(`who and where is known from ${title}`, () => {
    // What no YAML says of the cluster is not known.
    const { kubernetes, ...identity } = identityIn(texts, 'production')
    assert.equal(kubernetes, title === 'no YAML at all' ? undefined : { context: 'cluster' })
    assert.equal(identity, {
      workspace: { name: 'statistics', id: 'k3v9x2m7q1' },
      platform: 'kubernetes',
      environments: ['dev', 'production'],
    })
  })
}

test('of an environment without a file, only the others are known', () => {
  const { platform, environments } = identityIn(baseWorkspace, 'staging')
  assert.equal([platform, environments], [undefined, ['dev', 'production']])
})

test.run()
