import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { createRedactor } from '../../../lib/log/redact.ts'
import { Secret } from '../../../lib/model/secret.ts'
import { LogWriter } from '../../../lib/platform/local/supervisor/log-writer.ts'
import { temporaryFolder } from '../../support/index.ts'

const at = new Date('2026-11-21T03:04:05.678Z')
const now = () => at
const stamp = '2026-11-21T03:04:05.678Z '

/** A log in a folder of its own. */
function make(options: ConstructorParameters<typeof LogWriter>[1] = {}) {
  const path = join(temporaryFolder(), 'api.log')
  return { path, log: new LogWriter(path, { now, ...options }) }
}

const read = (path: string) => readFileSync(path, 'utf8')

test('lines are whole, whatever the chunks; a character split over chunks too', async () => {
  const { path, log } = make()
  const stream = log.stream()
  const bytes = Buffer.from('eins\nzwei ü\r\n\ndrei')
  for (const byte of bytes) await stream.write(Buffer.from([byte]))
  stream.end()
  await log.close()
  assert.is(read(path), ['eins', 'zwei ü', '', 'drei'].map((line) => `${stamp}${line}\n`).join(''))
  assert.is(statSync(path).mode & 0o777, 0o600)
})

test('a line without end is cut between characters', async () => {
  const { path, log } = make()
  const stream = log.stream()
  await stream.write(Buffer.from('ü'.repeat(100_000)))
  stream.end()
  await log.close()
  const lines = read(path).trimEnd().split('\n')
  assert.ok(lines.length > 2)
  assert.is(lines.map((line) => line.slice(stamp.length)).join(''), 'ü'.repeat(100_000))
})

test('files are set aside by size, the oldest goes, and no line is lost or split', async () => {
  const { path, log } = make({ maxBytes: 1000, files: 3 })
  const stream = log.stream()
  for (let index = 0; index < 200; index++) await stream.write(Buffer.from(`line ${index}\n`))
  await log.close()
  const names = readdirSync(join(path, '..')).sort()
  assert.equal(names, ['api.log', 'api.log.1', 'api.log.2'])
  const all = [`${path}.2`, `${path}.1`, path].map(read)
  for (const text of all) assert.ok(text.length <= 1000)
  const numbers = all
    .join('')
    .trimEnd()
    .split('\n')
    .map((line) => Number(/line (\d+)$/.exec(line)?.[1]))
  assert.is(numbers.at(-1), 199)
  numbers.forEach((number, index) => {
    assert.is(number, (numbers[0] as number) + index)
  })
})

test('a log goes on where an earlier writer ended', async () => {
  const { path, log } = make({ maxBytes: 100 })
  log.note('first')
  await log.close()
  const next = new LogWriter(path, { now, maxBytes: 100 })
  next.note('second')
  next.note('x'.repeat(60))
  await next.close()
  assert.is(read(`${path}.1`), `${stamp}[vital-ops] first\n${stamp}[vital-ops] second\n`)
})

test('a secret is kept out, also in pieces and encoded', async () => {
  const secret = 'correct horse'
  const { path, log } = make({ redactor: createRedactor([new Secret('PASSWORD', secret)]) })
  const stream = log.stream()
  await stream.write(Buffer.from('a corr'))
  await stream.write(
    Buffer.from(`ect horse b ${encodeURIComponent(secret)}\n${Buffer.from(secret).toString('base64')}`),
  )
  stream.end()
  await log.close()
  assert.is(read(path), `${stamp}a [redacted] b [redacted]\n${stamp}[redacted]\n`)
})

test('a file that somebody removed is made anew; a folder is not', async () => {
  const { path, log } = make()
  log.note('one')
  await log.flush()
  rmSync(path)
  log.note('two')
  await log.flush()
  assert.is(read(path), `${stamp}[vital-ops] two\n`)
  rmSync(join(path, '..'), { recursive: true })
  log.note('three')
  await log.close()
  assert.not.ok(existsSync(path))
})

test('what could not be written is counted and said', async () => {
  const folder = temporaryFolder()
  const blocked = new LogWriter(join(folder, 'missing', 'api.log'), { now })
  blocked.note('lost')
  await blocked.flush()
  mkdirSync(join(folder, 'missing'))
  blocked.note('there')
  await blocked.close()
  const lines = read(join(folder, 'missing', 'api.log'))
    .trimEnd()
    .split('\n')
  assert.match(lines[0] as string, /\[vital-ops\] 1 lines were lost: ENOENT/)
  assert.is(lines[1], `${stamp}[vital-ops] there`)
})

test('a fast writer is held back until its lines are with the system', async () => {
  const { path, log } = make()
  const stream = log.stream()
  let waits = 0
  for (let index = 0; index < 50; index++) {
    const held = stream.write(Buffer.from('x'.repeat(60_000).concat('\n')))
    if (held !== undefined) waits++
    await held
  }
  await log.close()
  assert.ok(waits > 0)
  assert.is(read(path).split('\n').length, 51)
})

test.run()
