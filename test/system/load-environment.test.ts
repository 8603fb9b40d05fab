import { chmodSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Failure, ok, unwrap } from '../../lib/model/failure.ts'
import type { SecretReference } from '../../lib/model/secret.ts'
import { isEnvironmentFileWritten, type WriteEnv, writeEnvironmentFile } from '../../lib/system/env-file.ts'
import {
  type EnvironmentLoad,
  type LoadEnvironmentOptions,
  loadEnvironment,
} from '../../lib/system/load-environment.ts'
import type { WorkspaceTexts } from '../../lib/validate/files.ts'
import { baseWorkspace } from '../validate/base-workspace.ts'
import { broken } from '../validate/broken/index.ts'
import { snapshot, writeWorkspace } from './support/workspace.ts'

const dev = '.env.dev'
const values = 'POSTGRES_PASSWORD=kept-password\nSESSION_KEY=kept-key\n'
const withValues = (texts: WorkspaceTexts = baseWorkspace): string => writeWorkspace(new Map([...texts, [dev, values]]))

const load = async (folder: string, name: string, options?: LoadEnvironmentOptions): Promise<EnvironmentLoad> =>
  unwrap(await loadEnvironment(folder, name, options))

async function failuresOf(folder: string, name: string, options?: LoadEnvironmentOptions): Promise<Failure[]> {
  const result = await loadEnvironment(folder, name, options)
  return result.ok ? [] : result.failures
}

const codes = (failures: Failure[]) => failures.map(({ code }) => code)

/** The reference in a variable that is one secret. */
function sessionKey({ desired }: EnvironmentLoad): SecretReference {
  const [part] = desired.services.find(({ name }) => name === 'api')?.spec?.environment.SESSION_KEY ?? []
  return part as SecretReference
}

test('loading gives what is desired, the values by reference, and writes nothing', async () => {
  const folder = withValues()
  const before = snapshot(folder)
  const loaded = await load(folder, 'dev')
  assert.is(loaded.desired.environment, 'dev')
  assert.is(loaded.secrets.find(sessionKey(loaded))?.reveal(), 'kept-key')
  assert.equal(loaded.redactable.map((secret) => secret.reveal()).sort(), ['kept-key', 'kept-password'])
  assert.not.match(JSON.stringify(loaded.desired), /kept-/)
  assert.equal(loaded.warnings, [])
  assert.is(loaded.writeEnv, undefined)
  assert.equal(snapshot(folder), before)
})

test('without its .env file, the environment says what to type', async () => {
  const failures = await failuresOf(writeWorkspace(baseWorkspace), 'dev')
  assert.equal(codes(failures), ['missing-secret', 'missing-secret'])
  assert.equal(failures[0]?.next, ['task setup dev'])
})

test('planned with the file that setup will write: generated once, the same when planned again, written as planned', async () => {
  const folder = writeWorkspace(baseWorkspace)
  const before = snapshot(folder)
  const [first, second] = [
    await load(folder, 'dev', { envFile: 'planned' }),
    await load(folder, 'dev', { envFile: 'planned' }),
  ]
  assert.equal(first.writeEnv, {
    path: join(folder, dev),
    example: join(folder, 'config/environments/.env.dev.example'),
    create: true,
    add: ['POSTGRES_PASSWORD', 'SESSION_KEY'],
    generate: ['POSTGRES_PASSWORD', 'SESSION_KEY'],
  })
  assert.equal(second.desired, first.desired)
  assert.equal(snapshot(folder), before)

  const writeEnv = first.writeEnv as WriteEnv
  assert.is(await isEnvironmentFileWritten(writeEnv), false)
  assert.equal(unwrap(await writeEnvironmentFile(writeEnv)), { message: '.env.dev: POSTGRES_PASSWORD, SESSION_KEY' })
  assert.is(await isEnvironmentFileWritten(writeEnv), true)
  assert.is((statSync(join(folder, dev)).mode & 0o777).toString(8), '600')
  const written = await load(folder, 'dev', { envFile: 'planned' })
  assert.is(written.writeEnv, undefined)
  assert.equal(written.desired, first.desired)
  assert.match(written.secrets.find(sessionKey(written))?.reveal() ?? '', /^[0-9a-f]{64}$/)
  assert.equal(unwrap(await writeEnvironmentFile(writeEnv)), { message: 'is there already' })
})

test('two workspaces get different values', async () => {
  const [one, other] = [writeWorkspace(baseWorkspace), writeWorkspace(baseWorkspace)]
  const values = await Promise.all(
    [one, other].map(async (folder) => {
      const loaded = await load(folder, 'dev', { envFile: 'planned' })
      return loaded.secrets.find(sessionKey(loaded))?.reveal()
    }),
  )
  assert.is.not(values[0], values[1])
})

test('a name that is new in the example is added; what is there stays, byte for byte', async () => {
  const folder = withValues()
  const mine = '# mine\nSESSION_KEY="my own" # do not touch\n'
  writeFileSync(join(folder, dev), mine)
  const loaded = await load(folder, 'dev', { envFile: 'planned' })
  assert.equal([loaded.writeEnv?.create, loaded.writeEnv?.add], [false, ['POSTGRES_PASSWORD']])
  unwrap(await writeEnvironmentFile(loaded.writeEnv as WriteEnv))
  const text = readFileSync(join(folder, dev), 'utf8')
  assert.ok(text.startsWith(mine))
  assert.match(text, /\nPOSTGRES_PASSWORD=[A-Za-z0-9]{24}\n$/)
})

test('the op refuses when the file or the example changed after the plan', async () => {
  const folder = writeWorkspace(baseWorkspace)
  const { writeEnv } = await load(folder, 'dev', { envFile: 'planned' })
  writeFileSync(join(folder, dev), 'SESSION_KEY=x\n', { mode: 0o600 })
  const edited = await writeEnvironmentFile(writeEnv as WriteEnv)
  assert.equal(edited.ok ? [] : edited.failures.map(({ code, outcome }) => [code, outcome]), [
    ['changed-meanwhile', 'unchanged'],
  ])
  assert.is(readFileSync(join(folder, dev), 'utf8'), 'SESSION_KEY=x\n')
  rmSync(join(folder, 'config/environments/.env.dev.example'))
  assert.is((await writeEnvironmentFile(writeEnv as WriteEnv)).ok, false)
})

test('a file that others may read is refused, and nothing else is complained of', async () => {
  const folder = withValues()
  chmodSync(join(folder, dev), 0o644)
  const failures = await failuresOf(folder, 'dev')
  assert.equal(codes(failures), ['env-mode'])
  assert.equal(failures[0]?.next, [`chmod 600 ${join(folder, dev)}`])
})

test('mistakes of files, values and the .env file are returned at once, with absolute paths', async () => {
  const texts = broken([
    { file: 'config/services/worker.yaml', from: '[postgres, api]', to: '[postgres, apl]' },
    { file: 'config/services/api.yaml', from: '${PUBLIC_URL}', to: '${PUBLIC_URI}' },
  ])
  const folder = withValues(texts)
  writeFileSync(join(folder, dev), `${values}nonsense\n`)
  assert.equal(codes(await failuresOf(folder, 'dev')), ['invalid-env-line', 'unknown-dependency'])
  writeFileSync(join(folder, dev), values)
  const failures = await failuresOf(folder, 'dev')
  assert.equal(codes(failures), ['unset-variable', 'unknown-dependency'])
  assert.is(failures[0]?.place?.file, join(folder, 'config/services/api.yaml'))
})

test('what does not concern the environment is a warning', async () => {
  const folder = withValues(
    broken([{ file: 'config/environments/production.yaml', from: 'protected', to: 'protcted' }]),
  )
  const { warnings } = await load(folder, 'dev')
  assert.equal(
    warnings.map(({ rule, severity }) => [rule, severity]),
    [['unknown-key', 'warning']],
  )
  assert.equal(codes(await failuresOf(folder, 'production')), ['unknown-key'])
})

test('an unknown environment is the only complaint', async () => {
  const folder = withValues(broken([{ file: 'config/services/redis.yaml', from: 'databases', to: 'database' }]))
  const failures = await failuresOf(folder, 'prod')
  assert.equal(
    failures.map(({ code, nearest }) => [code, nearest]),
    [['unknown-environment', 'production']],
  )
})

test('kept values are found by digest after they have changed, and are hidden in output', async () => {
  const folder = withValues()
  const before = await load(folder, 'dev')
  const reference = sessionKey(before)
  unwrap(await before.keep())
  writeFileSync(join(folder, dev), values.replace('kept-key', 'rotated-key'))
  const after = await load(folder, 'dev')
  assert.is.not(sessionKey(after).digest, reference.digest)
  assert.is(after.secrets.find(reference)?.reveal(), 'kept-key')
  assert.is(after.secrets.find(sessionKey(after))?.reveal(), 'rotated-key')
  assert.ok(after.redactable.some((secret) => secret.reveal() === 'kept-key'))
})

test('a secret among the committed values works, is hidden in output, and is warned of', async () => {
  const folder = withValues(
    broken([
      { file: 'config/environments/dev.yaml', from: 'values:\n', to: 'values:\n  SESSION_KEY: committed-key\n' },
    ]),
  )
  writeFileSync(join(folder, dev), 'POSTGRES_PASSWORD=kept-password\n')
  const loaded = await load(folder, 'dev')
  assert.equal(
    loaded.warnings.map(({ rule, place }) => [rule, place?.line]),
    [['committed-secret', 4]],
  )
  assert.is(loaded.secrets.find(sessionKey(loaded))?.reveal(), 'committed-key')
  assert.ok(loaded.redactable.some((secret) => secret.reveal() === 'committed-key'))
  assert.not.match(JSON.stringify(loaded.warnings), /committed-key/)
})

test('programs that services require are looked for', async () => {
  const folder = withValues()
  const { desired } = await load(folder, 'dev', { env: { PATH: '/nonexistent' } })
  assert.match(desired.services.find(({ name }) => name === 'redis')?.unavailable ?? '', 'redis-server')
})

test('migrations and seeds are read from the configured folders', async () => {
  const asked: unknown[] = []
  const files = {
    migrations: [{ version: '1', name: 'a', path: 'p', sha256: 's', effect: 'expand' as const }],
    seeds: [],
  }
  const readDatabaseFiles = async (paths: unknown) => {
    asked.push(paths)
    return ok(files)
  }
  const { desired } = await load(withValues(), 'dev', { readDatabaseFiles })
  assert.equal(asked, [{ migrations: 'database/migrations', seeds: 'database/seeds/dev' }])
  assert.equal(desired.database?.migrations, files.migrations)
})

test('a rehearsal never opens the .env file of the real environment, nor asks its providers', async () => {
  const texts = broken([
    {
      file: 'config/environments/production.yaml',
      from: 'protected: true',
      to: 'protected: true\nsecrets:\n  - type: command\n    command: [touch, asked]\n  - { type: file, path: .env.production }',
    },
  ])
  const folder = writeWorkspace(
    new Map([
      ...texts,
      ['.env.production', 'POSTGRES_PASSWORD=planted\nSESSION_KEY=planted\nPUBLIC_URL=https://planted.example.com\n'],
    ]),
  )
  // A file that cannot be opened without a trace: its mode alone would be refused.
  chmodSync(join(folder, '.env.production'), 0o644)
  const before = snapshot(folder)
  const loaded = await load(folder, 'production', { platform: 'local', envFile: 'planned' })
  assert.is(loaded.desired.environment, 'production@local')
  assert.is(loaded.writeEnv?.path, join(folder, '.env.production@local'))
  assert.not.match(JSON.stringify([loaded.desired, loaded.redactable.map((secret) => secret.reveal())]), /planted/)
  assert.equal(snapshot(folder), before)

  unwrap(await writeEnvironmentFile(loaded.writeEnv as WriteEnv))
  const again = await load(folder, 'production', { platform: 'local' })
  assert.equal(again.desired, loaded.desired)
})

test('a rehearsal that would reach another machine is refused', async () => {
  const folder = writeWorkspace(
    broken([
      {
        file: 'config/environments/production.yaml',
        from: 'PUBLIC_URL: http://localhost:18080',
        to: 'PUBLIC_URL: http://10.0.0.5',
      },
    ]),
  )
  assert.equal(codes(await failuresOf(folder, 'production', { platform: 'local', envFile: 'planned' })), [
    'not-loopback',
  ])
})

test.run()
