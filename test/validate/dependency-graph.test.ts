import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { cycleThrough, inDependencyOrder } from '../../lib/validate/dependency-graph.ts'

const graph = (needs: Record<string, string[]>) => new Map(Object.entries(needs))

test('each comes after what it needs; ties go by name, whatever the order of the input', () => {
  const needs = { d: ['b', 'c'], c: ['a'], b: ['a'], a: [], aa: [] }
  assert.equal(inDependencyOrder(graph(needs)), ['a', 'aa', 'b', 'c', 'd'])
  assert.equal(inDependencyOrder(graph(Object.fromEntries(Object.entries(needs).reverse()))), [
    'a',
    'aa',
    'b',
    'c',
    'd',
  ])
})

test('needs that are not in the graph are passed over; members of a cycle come last', () => {
  assert.equal(inDependencyOrder(graph({ b: ['gone'], a: ['b'] })), ['b', 'a'])
  assert.equal(inDependencyOrder(graph({ x: ['y'], y: ['x'], z: [] })), ['z', 'x', 'y'])
})

test('the shortest cycle through a name', () => {
  assert.equal(cycleThrough('a', graph({ a: ['a'] })), ['a', 'a'])
  assert.equal(cycleThrough('a', graph({ a: ['b', 'c'], b: ['c'], c: ['a'] })), ['a', 'c', 'a'])
  assert.is(cycleThrough('a', graph({ a: ['b'], b: ['c'], c: ['b'] })), undefined)
  assert.is(cycleThrough('a', graph({ a: ['gone'] })), undefined)
})

test.run()
