import { appendFileSync, mkdirSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { LogLine } from '../../../lib/model/platform.ts'
import { parseLine, readLogs, tailLog } from '../../../lib/platform/local/logs.ts'
import { serviceLogPath } from '../../../lib/platform/local/paths.ts'
import { LogWriter } from '../../../lib/platform/local/supervisor/log-writer.ts'
import { temporaryFolder, until } from '../../support/index.ts'

const stamp = (second: number) => `2026-11-21T03:00:${String(second).padStart(2, '0')}.000Z`

/** Writes a log file of a service. */
function write(folder: string, service: string, lines: string[], suffix = ''): void {
  const path = serviceLogPath(folder, 'dev', service) + suffix
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''))
}

async function all(folder: string, services: string[], lines: number): Promise<LogLine[]> {
  const found: LogLine[] = []
  const { signal } = new AbortController()
  for await (const line of readLogs(folder, 'dev', { services, follow: false, lines }, signal)) found.push(line)
  return found
}

/** Follows logs in the background. */
function follow(folder: string, services: string[], lines: number) {
  const controller = new AbortController()
  const found: LogLine[] = []
  const done = (async () => {
    for await (const line of readLogs(folder, 'dev', { services, follow: true, lines }, controller.signal))
      found.push(line)
  })()
  return {
    found,
    async stop() {
      controller.abort()
      await done
    },
  }
}

test('a line has its time apart; one without is shown as it is', () => {
  assert.equal(parseLine('api', `${stamp(1)} hello  there `), { service: 'api', at: stamp(1), text: 'hello  there ' })
  assert.equal(parseLine('api', 'no time'), { service: 'api', text: 'no time' })
  assert.equal(parseLine('api', `${stamp(1)} `), { service: 'api', at: stamp(1), text: '' })
})

test('the last lines of several services, in the order of their times', async () => {
  const folder = temporaryFolder()
  write(
    folder,
    'api',
    [1, 3, 5].map((second) => `${stamp(second)} api ${second}`),
  )
  write(
    folder,
    'worker',
    [2, 4, 6].map((second) => `${stamp(second)} worker ${second}`),
  )
  const lines = await all(folder, ['api', 'worker', 'silent'], 2)
  assert.equal(
    lines.map(({ text }) => text),
    ['api 3', 'worker 4', 'api 5', 'worker 6'],
  )
  assert.equal(await all(folder, ['api'], 0), [])
})

test('the last lines go on in older files, as far as needed', async () => {
  const folder = temporaryFolder()
  write(folder, 'api', ['5', '6'])
  write(folder, 'api', ['3', '4'], '.1')
  write(folder, 'api', ['1', '2'], '.2')
  for (const [count, expected] of [
    [1, '6'],
    [2, '56'],
    [3, '456'],
    [5, '23456'],
    [100, '123456'],
  ] as const) {
    const lines = await all(folder, ['api'], count)
    assert.is(lines.map(({ text }) => text).join(''), expected)
  }
})

test('long files are read from their end', async () => {
  const folder = temporaryFolder()
  write(
    folder,
    'api',
    Array.from({ length: 50_000 }, (_, index) => `line ${index} ${'x'.repeat(40)}`),
  )
  const lines = await tailLog(folder, 'dev', 'api', { lines: 3000 })
  assert.is(lines.length, 3000)
  assert.match(lines[0] as string, /^line 47000 /)
  assert.match(lines.at(-1) as string, /^line 49999 /)
})

test('lines from a time on', async () => {
  const folder = temporaryFolder()
  write(
    folder,
    'api',
    [1, 2, 3].map((second) => `${stamp(second)} ${second}`),
  )
  assert.equal(await tailLog(folder, 'dev', 'api', { lines: 50, since: stamp(2) }), ['2', '3'])
  assert.equal(await tailLog(folder, 'dev', 'none', { lines: 50 }), [])
})

test('following: new lines, whole ones, also of a log that does not exist yet', async () => {
  const folder = temporaryFolder()
  write(folder, 'api', ['old', 'last'])
  const { found, stop } = follow(folder, ['api', 'worker'], 1)
  const texts = () => found.map(({ service, text }) => `${service} ${text}`)
  await until(() => found.length === 1, { what: 'the last line' })
  appendFileSync(serviceLogPath(folder, 'dev', 'api'), 'new\nha')
  write(folder, 'worker', ['first'])
  await until(() => found.length === 3, { what: 'new lines' })
  appendFileSync(serviceLogPath(folder, 'dev', 'api'), 'lf\n')
  await until(() => found.length === 4, { what: 'the other half' })
  assert.equal(texts().sort(), ['api half', 'api last', 'api new', 'worker first'])
  await stop()
})

test('following across rotations loses no line and repeats none', async () => {
  const folder = temporaryFolder()
  const path = serviceLogPath(folder, 'dev', 'api')
  mkdirSync(dirname(path), { recursive: true })
  const log = new LogWriter(path, { maxBytes: 4000, files: 50 })
  const { found, stop } = follow(folder, ['api'], 0)
  const stream = log.stream()
  for (let index = 0; index < 2000; index++) {
    await stream.write(Buffer.from(`line ${index}\n`))
    if (index % 100 === 0) await log.flush()
    if (index % 400 === 0) await until(() => found.length > 0, { what: 'the follower' })
  }
  await log.close()
  await until(() => found.length >= 2000, { what: 'all lines' })
  await stop()
  assert.equal(
    found.map(({ text }) => text),
    Array.from({ length: 2000 }, (_, index) => `line ${index}`),
  )
})

test('following a file that was replaced by another', async () => {
  const folder = temporaryFolder()
  write(folder, 'api', ['one'])
  const { found, stop } = follow(folder, ['api'], 10)
  await until(() => found.length === 1, { what: 'the first line' })
  const path = serviceLogPath(folder, 'dev', 'api')
  writeFileSync(`${path}.other`, 'two\n')
  renameSync(`${path}.other`, path)
  await until(() => found.length === 2, { what: 'the other file' })
  assert.is(found[1]?.text, 'two')
  await stop()
})

test.run()
