import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RunSpec } from '../../lib/model/desired.ts'
import { fingerprintOf } from '../../lib/validate/fingerprint.ts'
import { baseWorkspace } from './base-workspace.ts'
import { desiredOf, serviceOf } from './support.ts'

const spec = serviceOf(desiredOf(baseWorkspace, 'dev'), 'api').spec as RunSpec

/** The names of the parts that differ. */
function differing(change: Partial<RunSpec>): string[] {
  const before = fingerprintOf(spec)
  const after = fingerprintOf({ ...spec, ...change })
  return [...new Set([...Object.keys(before), ...Object.keys(after)])].filter((part) => before[part] !== after[part])
}

test('every part is 16 hexadecimal digits under a readable name', () => {
  const print = fingerprintOf(spec)
  for (const digest of Object.values(print)) assert.match(digest, /^[0-9a-f]{16}$/)
  for (const part of ['command', 'directory', 'ports.http', 'environment.DATABASE_URL', 'health'])
    assert.ok(print[part], part)
})

test('what differs is named', () => {
  assert.equal(differing({ command: ['node', 'other.js'] }), ['command'])
  assert.equal(differing({ ports: { http: 1 } }), ['ports.http'])
  assert.equal(differing({ environment: { ...spec.environment, LOG_LEVEL: 'debug' } }), ['environment.LOG_LEVEL'])
  assert.equal(differing({ environment: { ...spec.environment, NEW: '' } }), ['environment.NEW'])
  assert.equal(differing({ artefact: 'tree' }), ['artefact'])
  assert.equal(differing({ graceMs: 1 }), ['stop'])
  const rotated = [{ secret: 'SESSION_KEY', digest: 'other' }]
  assert.equal(differing({ environment: { ...spec.environment, SESSION_KEY: rotated } }), ['environment.SESSION_KEY'])
})

test('where the files come from, the deadline of gates and the order of keys are no part', () => {
  assert.equal(differing({ source: { kind: 'release', release: 3 } }), [])
  assert.equal(differing({ health: { ...spec.health, deadlineMs: 1 } }), [])
  assert.equal(
    differing(JSON.parse(JSON.stringify({ health: Object.fromEntries(Object.entries(spec.health).reverse()) }))),
    [],
  )
})

test('what only a release knows is a fixed symbol', () => {
  const one = fingerprintOf({ ...spec, environment: { R: ['v', { known: 'release' }] } })
  assert.is(
    one['environment.R'],
    fingerprintOf({ ...spec, environment: { R: ['v', { known: 'release' }] } })['environment.R'],
  )
  assert.is.not(
    one['environment.R'],
    fingerprintOf({ ...spec, environment: { R: ['v', { known: 'revision' }] } })['environment.R'],
  )
})

test.run()
