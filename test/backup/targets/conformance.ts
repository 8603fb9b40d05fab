import { createHash, randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Target } from '../../../lib/backup/targets/target.ts'

/** The text or bytes under a key. */
export async function contentOf(target: Target, key: string): Promise<Buffer | undefined> {
  const stream = await target.read(key)
  if (!stream) return undefined
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** A stream of so many bytes in chunks of odd sizes, and their SHA-256. */
export function content(bytes: number): { stream: AsyncIterable<Uint8Array>; sha256: string } {
  const all = randomBytes(Math.min(bytes, 1024 * 1024))
  const hash = createHash('sha256')
  for (let left = bytes; left > 0; left -= all.length) hash.update(all.subarray(0, left))
  async function* stream() {
    let at = 0
    for (let size = 1; at < bytes; size = (size * 7) % 300_007) {
      const from = at % all.length
      const chunk = all.subarray(from, Math.min(from + size, all.length, from + bytes - at))
      at += chunk.length
      yield chunk
    }
  }
  return { stream: stream(), sha256: hash.digest('hex') }
}

/** The SHA-256 of what is under a key. */
export async function digestOf(target: Target, key: string): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of (await target.read(key)) ?? []) hash.update(chunk)
  return hash.digest('hex')
}

async function* failing(bytes: number, error: Error): AsyncGenerator<Uint8Array> {
  for (let left = bytes; left > 0; left -= 65_536) yield randomBytes(Math.min(left, 65_536))
  throw error
}

async function* text(value: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(value)
}

const never = new AbortController().signal

/**
 * What every target has to do. Each test gets an empty one.
 *
 * @param open two views of one empty place, as two machines have them
 */
export function conforms(kind: string, open: () => Promise<[Target, Target]>): void {
  test(`${kind}: what was written is read and listed, and nothing else`, async () => {
    const [target, other] = await open()
    assert.equal(await target.list(''), [])
    assert.is(await target.read('a/nothing'), undefined)
    for (const key of ['b/2/x y+z.txt', 'b/1/äö&<>.txt', 'b/10/~%41.txt'])
      await target.write(key, text(`content of ${key}`), never)
    await target.write('bb/no', text('beside'), never)
    await target.write('b/1/empty', text(''), never)
    assert.equal(await other.list('b/'), [
      { key: 'b/1/empty', bytes: 0 },
      { key: 'b/1/äö&<>.txt', bytes: 26 },
      { key: 'b/10/~%41.txt', bytes: 24 },
      { key: 'b/2/x y+z.txt', bytes: 24 },
    ])
    assert.is(String(await contentOf(other, 'b/1/äö&<>.txt')), 'content of b/1/äö&<>.txt')
    assert.is((await contentOf(other, 'b/1/empty'))?.length, 0)
    await target.write('bb/no', text('anew'), never)
    assert.is(String(await contentOf(other, 'bb/no')), 'anew')
  })

  test(`${kind}: large contents arrive as they were`, async () => {
    const [target, other] = await open()
    // Below, at, and above the parts that some targets send them in.
    for (const bytes of [16 * 1024 * 1024, 16 * 1024 * 1024 + 1, 40_000_003]) {
      const { stream, sha256 } = content(bytes)
      await target.write(`large/${bytes}`, stream, never)
      assert.is(await digestOf(other, `large/${bytes}`), sha256)
    }
    assert.equal(
      (await other.list('large/')).map(({ bytes }) => bytes),
      [16 * 1024 * 1024, 16 * 1024 * 1024 + 1, 40_000_003],
    )
  })

  for (const bytes of [100_000, 40_000_000])
    test(`${kind}: a source that fails after ${bytes} bytes leaves nothing`, async () => {
      const [target, other] = await open()
      const error = await target.write('f/x', failing(bytes, new Error('the dump broke')), never).then(
        () => undefined,
        (thrown: Error) => thrown.message,
      )
      assert.is(error, 'the dump broke')
      assert.equal(await other.list(''), [])
      assert.is(await other.read('f/x'), undefined)
    })

  test(`${kind}: an interruption leaves nothing`, async () => {
    const [target, other] = await open()
    const controller = new AbortController()
    async function* endless() {
      for (let sent = 0; ; sent += 1_000_000) {
        if (sent > 20_000_000) controller.abort()
        yield randomBytes(1_000_000)
      }
    }
    const outcome = await target.write('i/x', endless(), controller.signal).then(
      () => 'written',
      (thrown: Error) => thrown.name,
    )
    assert.is(outcome, 'AbortError')
    assert.equal(await other.list(''), [])
  })

  test(`${kind}: of many who create a key exactly one does, again and again`, async () => {
    const [target, other] = await open()
    for (let round = 1; round <= 5; round++) {
      const key = `claims/${round}`
      const made = await Promise.all(
        Array.from({ length: 6 }, (_, index) => (index % 2 === 0 ? target : other).create(key, `by ${index}`)),
      )
      assert.is(made.filter(Boolean).length, 1, `round ${round}: ${made}`)
      assert.is(String(await contentOf(other, key)), `by ${made.indexOf(true)}`)
      assert.is(await other.create(key, 'too late'), false)
    }
    assert.equal(
      (await other.list('claims/')).map(({ key }) => key),
      [1, 2, 3, 4, 5].map((round) => `claims/${round}`),
    )
  })

  test(`${kind}: what is removed is gone, and its neighbours are not`, async () => {
    const [target, other] = await open()
    for (const key of ['r/1/manifest.json', 'r/1/dump', 'r/1/deep/er', 'r/10/manifest.json', 'r/1x'])
      await target.write(key, text('.'), never)
    await target.remove('r/1/')
    assert.equal(
      (await other.list('r/')).map(({ key }) => key),
      ['r/10/manifest.json', 'r/1x'],
    )
    await target.remove('r/1/')
  })
}
