import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { armor, Encrypter, generateIdentity, identityToRecipient } from 'age-encryption'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Failure, unwrap } from '../../../lib/model/failure.ts'
import { Secret } from '../../../lib/model/secret.ts'
import { readSecrets } from '../../../lib/system/secrets/index.ts'
import type { ProviderContext } from '../../../lib/system/secrets/provider.ts'
import { temporaryFolder } from '../../support/index.ts'

const folder = temporaryFolder()
const context: ProviderContext = { folder, env: { PATH: process.env.PATH }, signal: new AbortController().signal }

function file(name: string, text: string | Uint8Array, mode = 0o600): string {
  const path = join(folder, name)
  mkdirSync(join(path, '..'), { recursive: true })
  writeFileSync(path, text)
  chmodSync(path, mode)
  return path
}

type Providers = Parameters<typeof readSecrets>[0]

async function failures(providers: Providers, env = context.env): Promise<Failure[]> {
  const result = await readSecrets(providers, { ...context, env })
  return result.ok ? [] : result.failures
}

/** Values as text, those that are secret whatever their name in angle brackets. */
async function values(providers: Providers, env = context.env): Promise<Record<string, string>> {
  const read = unwrap(await readSecrets(providers, { ...context, env }))
  return Object.fromEntries(
    [...read].map(([name, value]) => [name, value instanceof Secret ? `<${value.reveal()}>` : value]),
  )
}

const script = (text: string): [string, ...string[]] => ['sh', '-c', text]
const command = (text: string, timeout = '30s') => ({ type: 'command' as const, command: script(text), timeout })

test('a file gives its values; names decide which are secret', async () => {
  file('.env.dev', 'A=1\nB="two words"\n')
  assert.equal(await values([{ type: 'file', path: '.env.dev' }]), { A: '1', B: 'two words' })
})

for (const mode of [0o640, 0o604, 0o644, 0o660, 0o666, 0o601]) {
  test(`a file of mode ${mode.toString(8)} is refused, with the command that mends it`, async () => {
    const path = file('.env.open', 'TOKEN=planted-secret\n', mode)
    const [failure, ...others] = await failures([{ type: 'file', path: '.env.open' }])
    assert.equal(others, [])
    assert.is(failure?.code, 'env-mode')
    assert.equal(failure?.next, [`chmod 600 ${path}`])
    assert.is(failure?.outcome, 'unchanged')
    assert.not.match(JSON.stringify(failure), /planted/)
  })
}

test('the command that mends the mode can be pasted, whatever the name of the file', async () => {
  const path = file("it's here/.env x", 'A=1\n', 0o644)
  const [failure] = await failures([{ type: 'file', path: "it's here/.env x" }])
  assert.equal(failure?.next, [`chmod 600 '${path.replace("'", "'\\''")}'`])
})

test('a file that is missing, a folder, or no text, is a failure', async () => {
  mkdirSync(join(folder, 'folder'), { mode: 0o700 })
  file('.env.binary', Uint8Array.of(0x41, 0x3d, 0xff, 0xfe))
  const codes = async (path: string) => (await failures([{ type: 'file', path }])).map(({ code }) => code)
  assert.equal(await codes('.env.gone'), ['secret-file-missing'])
  assert.equal(await codes('folder'), ['is-a-folder'])
  assert.equal(await codes('.env.binary'), ['invalid-encoding'])
})

test('lines that cannot be read are reported without their values', async () => {
  file('.env.bad', 'A=fine\nplanted-secret\nB="planted" planted\n')
  const found = await failures([{ type: 'file', path: '.env.bad' }])
  assert.equal(
    found.map(({ code, place }) => `${place?.line} ${code}`),
    ['2 invalid-env-line', '3 invalid-env-line'],
  )
  assert.not.match(JSON.stringify(found), /planted/)
})

test('the process gives variables by prefix, without it', async () => {
  const env = { STATS_TOKEN: 't', STATS_: 'x', STATS_1: 'y', OTHER: 'z' }
  assert.equal(await values([{ type: 'process', prefix: 'STATS_' }], env), { TOKEN: 't' })
  assert.equal(await values([{ type: 'process', prefix: '' }], { A: '1' }), { A: '1' })
})

test('a command gives secrets, whatever their names; it runs in the workspace', async () => {
  file('vault.txt', 'A=one\nexport B="two"\n')
  assert.equal(await values([command('cat vault.txt')]), { A: '<one>', B: '<two>' })
})

test('arguments of a command arrive as they are', async () => {
  const argv: [string, ...string[]] = [
    'node',
    '-e',
    'console.log(`A="${process.argv.slice(1).join("|")}"`)',
    'a b',
    '$HOME',
    ';echo x',
    '*',
  ]
  assert.equal(await values([{ type: 'command', command: argv, timeout: '30s' }]), { A: '<a b|$HOME|;echo x|*>' })
})

test('a command that fails shows what it complained of, and nothing of what it printed', async () => {
  const [failure] = await failures([
    command('echo TOKEN=planted-secret; echo "no session, token planted-secret" >&2; exit 3'),
  ])
  assert.is(failure?.code, 'secret-command-failed')
  assert.match(failure?.message ?? '', 'status 3')
  assert.equal(failure?.lines, ['no session, token [redacted]'])
  assert.not.match(JSON.stringify(failure), /planted/)
})

test('a command that prints something else, is not there, or takes too long, is a failure', async () => {
  const printed = await failures([command('echo "A=1"; echo "planted secret"')])
  assert.equal(
    printed.map(({ code, place }) => [code, place?.file, place?.line]),
    [['invalid-env-line', 'output of sh', 2]],
  )
  assert.not.match(JSON.stringify(printed), /planted/)
  const gone = await failures([{ type: 'command', command: ['no-such-program'], timeout: '30s' }])
  assert.equal(
    gone.map(({ code, outcome }) => [code, outcome]),
    [['program-not-found', 'unchanged']],
  )
  const slow = await failures([command('sleep 60', '200ms')])
  assert.equal(
    slow.map(({ code, outcome }) => [code, outcome]),
    [['timed-out', 'unchanged']],
  )
})

const identity = await generateIdentity()

async function encrypted(text: string): Promise<Uint8Array> {
  const encrypter = new Encrypter()
  encrypter.addRecipient(await identityToRecipient(identity))
  return encrypter.encrypt(text)
}

const age = { type: 'age' as const, path: 'config/secrets.age', identity: 'keys/identity.txt' }

test('an age file gives secrets, binary or armored', async () => {
  file('keys/identity.txt', `# created: today\n${identity}\n`)
  const octets = await encrypted('TOKEN=from-age\n')
  file('config/secrets.age', octets, 0o644)
  assert.equal(await values([age]), { TOKEN: '<from-age>' })
  file('config/secrets.age', armor.encode(octets), 0o644)
  assert.equal(await values([age]), { TOKEN: '<from-age>' })
})

test('an age file with a flipped bit, of another key, or cut, is refused', async () => {
  file('keys/identity.txt', `${identity}\n`)
  const octets = await encrypted(`TOKEN=${'planted-secret'.repeat(100)}\n`)
  const flipped = Uint8Array.from(octets)
  flipped[flipped.length - 40] = (flipped[flipped.length - 40] as number) ^ 1
  for (const damaged of [flipped, octets.slice(0, -100), octets.slice(0, 10), new Uint8Array()]) {
    file('config/secrets.age', damaged, 0o644)
    const found = await failures([age])
    assert.equal(
      found.map(({ code }) => code),
      ['secret-decryption-failed'],
    )
    assert.not.match(JSON.stringify(found), /planted/)
  }
  file('config/secrets.age', octets, 0o644)
  file('keys/identity.txt', `${await generateIdentity()}\n`)
  assert.equal(
    (await failures([age])).map(({ code }) => code),
    ['secret-decryption-failed'],
  )
})

test('an identity that is missing, empty, or open to others, is refused', async () => {
  const code = async (path: string) => (await failures([{ ...age, identity: path }])).map((failure) => failure.code)
  assert.equal(await code('keys/gone.txt'), ['identity-missing'])
  file('keys/empty.txt', '# nothing\n')
  assert.equal(await code('keys/empty.txt'), ['identity-missing'])
  file('keys/open.txt', identity, 0o644)
  assert.equal(await code('keys/open.txt'), ['identity-mode'])
})

test('the first provider that has a name wins', async () => {
  file('.env.dev', 'A=file\nB=file\n')
  const providers: Providers = [
    command('echo A=command'),
    { type: 'file', path: '.env.dev' },
    { type: 'process', prefix: '' },
  ]
  assert.equal(await values(providers, { ...context.env, B: 'process', C: 'process', PATH: process.env.PATH }), {
    A: '<command>',
    B: 'file',
    C: 'process',
    PATH: process.env.PATH as string,
  })
})

test('the failures of all providers are returned at once', async () => {
  file('.env.open', 'A=1\n', 0o644)
  const found = await failures([
    { type: 'file', path: '.env.open' },
    command('exit 1'),
    { type: 'file', path: '.env.gone' },
  ])
  assert.equal(
    found.map(({ code }) => code),
    ['env-mode', 'secret-command-failed', 'secret-file-missing'],
  )
})

test.run()
