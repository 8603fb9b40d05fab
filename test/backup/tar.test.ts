import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { archive, extract } from '../../lib/backup/tar.ts'
import { temporaryFolder } from '../support/index.ts'

async function archived(): Promise<Buffer> {
  const from = temporaryFolder()
  mkdirSync(join(from, 'one'))
  writeFileSync(join(from, 'one', 'big'), Buffer.alloc(300_000, 'x'))
  writeFileSync(join(from, 'one', 'small'), 'small')
  const chunks: Uint8Array[] = []
  for await (const chunk of archive([{ path: join(from, 'one'), name: 'one' }])) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Gives the bytes in pieces, and fails so many turns of the event loop after the last one. */
async function* broken(bytes: Buffer, size: number, turns: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, Math.min(bytes.length, at + size))
  for (let turn = 0; turn < turns; turn += 1) await new Promise((next) => setImmediate(next))
  throw new Error('it broke off')
}

test('an archive is unpacked as it was', async () => {
  const bytes = await archived()
  const into = temporaryFolder()
  const count = await extract(
    (async function* () {
      yield bytes
    })(),
    into,
    { name: 'it' },
  )
  assert.is(count, 2)
  assert.equal(readdirSync(join(into, 'one')), ['big', 'small'])
  assert.is(readFileSync(join(into, 'one', 'big')).length, 300_000)
  assert.is(readFileSync(join(into, 'one', 'small'), 'utf8'), 'small')
})

test('an archive that breaks off at any place and moment fails with its reason, and nothing waits for the rest', async () => {
  const bytes = await archived()
  // Behind headers, within contents and at their ends, while folders and files are being made and written.
  for (let end = 512; end < bytes.length; end += 50_688) {
    for (const size of [512, 65_536, 1 << 20]) {
      for (let turns = 0; turns < 12; turns += 1) {
        const failure = await extract(broken(bytes.subarray(0, end), size, turns), temporaryFolder(), {
          name: 'it',
        }).then(
          () => 'nothing',
          (error: Error) => error.message,
        )
        assert.is(failure, 'it broke off', `${end} bytes in pieces of ${size}, ${turns} turns later`)
      }
    }
  }
})

test.run()
