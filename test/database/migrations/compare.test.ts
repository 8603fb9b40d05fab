import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { blockingFailures, migrationStatus } from '../../../lib/database/migrations/compare.ts'
import { describeDifference } from '../../../lib/database/migrations/difference.ts'
import type { MigrationFile } from '../../../lib/model/desired.ts'

const file = (version: string, sha256 = `sha-${version}`): MigrationFile => ({
  version,
  name: `step_${version}`,
  path: `database/migrations/${version}_step_${version}.sql`,
  sha256,
  effect: 'expand',
})
const entry = (version: string, sha256 = `sha-${version}`) => ({
  ...file(version, sha256),
  appliedAt: '2026-11-20T10:00:00Z',
})

const states = (files: MigrationFile[], applied: MigrationFile[]) =>
  migrationStatus(files, applied).map(({ version, state }) => `${version} ${state}`)

test('applied and pending', () => {
  assert.equal(states([file('1'), file('2')], [entry('1')]), ['1 applied', '2 pending'])
  assert.equal(states([], []), [])
  const [applied, pending] = migrationStatus([file('1'), file('2')], [entry('1')])
  assert.is(applied?.action, undefined)
  assert.is(applied?.appliedAt, '2026-11-20T10:00:00Z')
  assert.is(pending?.action, 'task migrate up')
})

test('changed, missing and out of order each say what to do', () => {
  const rows = migrationStatus([file('1', 'other'), file('2'), file('4')], [entry('1'), entry('3'), entry('4')])
  assert.equal(
    rows.map(({ version, state }) => `${version} ${state}`),
    ['1 changed', '2 out-of-order', '3 missing', '4 applied'],
  )
  assert.ok(rows.every(({ state, action }) => state === 'applied' || (action ?? '').length > 10))
  assert.equal(
    blockingFailures(rows).map(({ code, outcome }) => [code, outcome]),
    [
      ['migration-changed', 'unchanged'],
      ['migration-out-of-order', 'unchanged'],
    ],
  )
})

test('versions are compared as numbers', () => {
  assert.equal(states([file('9'), file('10')], [entry('9')]), ['9 applied', '10 pending'])
  assert.equal(states([file('9'), file('10')], [entry('10')]), ['9 out-of-order', '10 applied'])
})

test('a difference has its place in the file as it is now, and the line as it was', () => {
  const described = describeDifference('m.sql', 'select 1;\nselect 2;\n', 'select 1;\nselect 3;\n')
  assert.equal(described.place, { file: 'm.sql', line: 2, column: 8 })
  assert.is(described.source, 'select 3;')
  assert.match(described.why ?? '', 'select 2;')
  assert.equal(describeDifference('m.sql', 'a', 'a'), { place: { file: 'm.sql' } })
})

test.run()
