import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { decrypt, encrypt, identitiesIn, makeIdentity } from '../../lib/backup/age.ts'
import { FailureError } from '../../lib/model/failure.ts'
import { note } from '../support/index.ts'

async function* parts(bytes: Uint8Array, size = 10_000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
}

async function all(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

const codeOf = async (work: Promise<unknown>): Promise<string | undefined> => {
  try {
    await work
    return undefined
  } catch (error) {
    if (error instanceof FailureError) return error.failures[0]?.code
    throw error
  }
}

const sizes = [0, 1, 65_535, 65_536, 65_537, 131_072, 131_073, 400_000]

test('what is encrypted here the library decrypts, and the other way round, at every edge of a chunk', async () => {
  const { Decrypter, Encrypter } = await import('age-encryption')
  const { identity, recipient } = await makeIdentity()
  const other = await makeIdentity()
  for (const size of sizes) {
    const text = randomBytes(size)
    const ours = await all(encrypt(parts(text), [other.recipient, recipient]))
    const decrypter = new Decrypter()
    decrypter.addIdentity(identity)
    assert.ok(Buffer.from(await decrypter.decrypt(ours)).equals(text), `${size} bytes by the library`)
    const encrypter = new Encrypter()
    encrypter.addRecipient(recipient)
    const theirs = await encrypter.encrypt(text)
    for (const step of [1000, 65_552, 1_000_000]) {
      assert.ok((await all(decrypt(parts(theirs, step), [identity], 'x'))).equals(text), `${size} bytes by us`)
    }
  }
})

test('every cut and every flipped bit is found', async () => {
  const { identity, recipient } = await makeIdentity()
  const text = randomBytes(140_000)
  const whole = await all(encrypt(parts(text), [recipient]))
  let tried = 0
  const refused = async (bytes: Uint8Array, what: string) => {
    tried += 1
    const code = await codeOf(all(decrypt(parts(bytes), [identity], 'x')))
    assert.ok(code === 'backup-damaged' || code === 'backup-key-missing', `${what}: ${code}`)
  }
  for (let length = 0; length < whole.length; length += 997)
    await refused(whole.subarray(0, length), `cut at ${length}`)
  // At the end of each chunk a cut leaves only whole ones.
  const header = whole.indexOf('\n', whole.indexOf('\n--- ') + 1) + 1 + 16
  for (const chunks of [0, 1, 2]) await refused(whole.subarray(0, header + chunks * 65_552), `${chunks} whole chunks`)
  for (let at = 0; at < whole.length; at += 811) {
    const changed = Buffer.from(whole)
    changed[at] = (changed[at] as number) ^ (1 << (at % 8))
    await refused(changed, `bit at ${at}`)
  }
  note(`${tried} damaged files`)
})

test('a key that fits nothing says so', async () => {
  const [mine, theirs] = await Promise.all([makeIdentity(), makeIdentity()])
  const file = await all(encrypt(parts(randomBytes(10)), [mine.recipient]))
  assert.is(await codeOf(all(decrypt(parts(file), [theirs.identity], 'x'))), 'backup-key-missing')
  assert.equal(identitiesIn(`# created: today\n# public key: ${mine.recipient}\n${mine.identity}\n`), [mine.identity])
})

test.run()
