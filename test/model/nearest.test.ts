import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { editDistance, nearest } from '../../lib/model/nearest.ts'

test('the distance counts insertions, deletions, substitutions and swaps of neighbours', () => {
  const cases: [string, string, number][] = [
    ['', '', 0],
    ['', 'abc', 3],
    ['abc', '', 3],
    ['deploy', 'deploy', 0],
    ['depoly', 'deploy', 1],
    ['deplo', 'deploy', 1],
    ['deployy', 'deploy', 1],
    ['deplay', 'deploy', 1],
    ['ca', 'abc', 3],
    ['kitten', 'sitting', 3],
  ]
  for (const [left, right, distance] of cases) assert.is(editDistance(left, right), distance, `${left} ~ ${right}`)
})

test('a limit ends the search early and never changes a distance within it', () => {
  assert.is(editDistance('kitten', 'sitting', 3), 3)
  assert.is(editDistance('kitten', 'sitting', 2), 3)
  assert.is(editDistance('abcdefgh', 'zzzzzzzz', 2), 3)
})

test('the nearest name is one that a slip of the finger makes', () => {
  const names = ['deploy', 'rollback', 'services', 'health-check', 'db:migrate']
  assert.is(nearest('depoly', names), 'deploy')
  assert.is(nearest('Deploy', names), 'deploy')
  assert.is(nearest('healthcheck', names), 'health-check')
  assert.is(nearest('serv', names), 'services')
  assert.is(nearest('db-migrate', names), 'db:migrate')
})

test('a name that is like none has no nearest', () => {
  assert.is(nearest('xyzzy', ['deploy', 'rollback']), undefined)
  assert.is(nearest('a', ['deploy', 'rollback']), undefined)
  assert.is(nearest('deploy', []), undefined)
})

test('the first of equally near names is taken', () => {
  assert.is(nearest('tesa', ['test', 'tess']), 'test')
})

test.run()
