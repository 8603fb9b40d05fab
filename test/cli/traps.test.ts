import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, repository } from '../support/index.ts'

/** What other task runners got wrong, by the number that the titles of tests carry. */
const traps = [
  'a task that was killed with partial output runs again',
  'declining, a dry run and a failed precondition write no state',
  'an input edited while its task runs',
  'same size and time, other bytes',
  'command, code, argument, variable, Node or platform changed',
  'input added, deleted, renamed; output deleted or tampered with',
  'names that differ in a character; changed outputs of needs; arguments of dependents',
  'two invocations at once',
  'a signal to the runner leaves nothing',
  'kill -9 of the runner leaves no orphan',
  'a failed sibling ends the whole tree',
  'the exit status is the command’s',
  'task --list | head -1',
  'diamonds, one place, failed needs, many calls',
  'cost grows linearly to 50,000 tasks',
  'confirmation before anything runs',
  'arguments arrive unchanged',
  'what stands behind a task’s name is the task’s',
  'a task that writes its own inputs does not loop under watch',
]

test('each trap has a test with the real binary, with its number in the title', () => {
  const folder = join(repository, 'test', 'cli')
  const titles = readdirSync(folder)
    .filter((name) => name.endsWith('.test.ts') && name !== 'traps.test.ts')
    .flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(/['"`](trap (\d+): [^\n]*)/g)])
  const found = new Set(titles.map(([, , number]) => Number(number)))
  const missing = traps.flatMap((trap, index) => (found.has(index + 1) ? [] : [`${index + 1}: ${trap}`]))
  assert.equal(missing, [])
  note(`${titles.length} tests for ${traps.length} traps`)
})

test.run()
