import { randomInt } from 'node:crypto'
import { appendFileSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { FailureError } from '../../lib/model/failure.ts'
import { openDurableAppender, readLinesTolerant } from '../../lib/system/journal-file.ts'
import { start, temporaryFolder, until } from '../support/index.ts'
import { buildProgram } from './support/fixture.ts'

const file = () => join(temporaryFolder(), 'journal.jsonl')

test('lines are appended in order, also many at once, and read again', async () => {
  const path = file()
  const journal = await openDurableAppender(path)
  await Promise.all(Array.from({ length: 200 }, (_, number) => journal.append(JSON.stringify({ number }))))
  await journal.append('"ü"')
  await journal.close()
  const read = await readLinesTolerant(path)
  assert.equal(read, { values: [...Array.from({ length: 200 }, (_, number) => ({ number })), 'ü'] })
  assert.is(statSync(path).mode & 0o777, 0o600)
})

test('closing waits for what was appended; nothing can be appended afterwards, nor a line with a break', async () => {
  const path = file()
  const journal = await openDurableAppender(path)
  const appended = journal.append('1')
  await journal.close()
  await appended
  assert.is(readFileSync(path, 'utf8'), '1\n')
  const refused = (action: Promise<void>) => action.then(() => 'accepted').catch((error: Error) => error.message)
  assert.match(await refused(journal.append('2')), 'closed')
  const again = await openDurableAppender(path)
  assert.match(await refused(again.append('{\n}')), 'line break')
  await again.close()
})

test('no file, an empty one, a torn last line, a damaged one', async () => {
  const path = file()
  assert.is(await readLinesTolerant(path), undefined)
  writeFileSync(path, '')
  assert.equal(await readLinesTolerant(path), { values: [] })
  writeFileSync(path, '{"a":1}\n{"b":')
  assert.equal(await readLinesTolerant(path), { values: [{ a: 1 }], torn: { line: 2, text: '{"b":' } })
  writeFileSync(path, '{"a":1}\n\0\0\0\n')
  assert.equal(await readLinesTolerant(path), { values: [{ a: 1 }], torn: { line: 2, text: '\0\0\0' } })
  // Whole but without its line break: it was never acknowledged, so it does not count.
  writeFileSync(path, '{"a":1}\n{"b":2}')
  assert.equal(await readLinesTolerant(path), { values: [{ a: 1 }], torn: { line: 2, text: '{"b":2}' } })
  writeFileSync(path, '{"a":1}\n{"b":\n{"c":3}\n')
  const error = await readLinesTolerant(path).catch((thrown: unknown) => thrown)
  assert.instance(error, FailureError)
  const [failure] = (error as FailureError).failures
  assert.is(failure?.code, 'journal-damaged')
  assert.equal(failure?.place, { file: path, line: 2, column: 1 })
})

test('a torn line is cut off when the file is opened again, however long it is', async () => {
  for (const length of [1, 1000, 65_535, 65_536, 200_000]) {
    const path = file()
    writeFileSync(path, '{"a":1}\n')
    appendFileSync(path, 'x'.repeat(length))
    const journal = await openDurableAppender(path)
    await journal.append('{"b":2}')
    await journal.close()
    assert.equal(await readLinesTolerant(path), { values: [{ a: 1 }, { b: 2 }] })
  }
  const path = file()
  writeFileSync(path, 'nothing but a torn line')
  await (await openDurableAppender(path)).close()
  assert.is(readFileSync(path, 'utf8'), '')
})

test('after kill -9 every acknowledged line is there, in order, and the next writer goes on', async () => {
  const program = await buildProgram('writer')
  const path = file()
  let next = 0
  for (let round = 1; round <= 10; round++) {
    const writer = start([process.execPath, program, 'journal', path, String(next)])
    writer.ended.catch(() => {})
    await until(() => writer.stdout() !== '', { what: 'the writer to write' })
    await pause(randomInt(0, 50))
    process.kill(writer.pid, 'SIGKILL')
    const { stdout } = await writer.ended
    const acknowledged = Number(stdout.trim().split('\n').at(-1))
    const read = await readLinesTolerant(path)
    const numbers = ((read?.values ?? []) as { number: number }[]).map(({ number }) => number)
    assert.ok(numbers.length > acknowledged, `${numbers.length} lines, ${acknowledged} was acknowledged`)
    assert.ok(numbers.length <= acknowledged + 2)
    assert.equal(
      numbers,
      numbers.map((_, index) => index),
    )
    next = numbers.length
  }
})

test.run()
