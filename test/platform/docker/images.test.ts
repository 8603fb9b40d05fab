import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { pauseBefore, registryOf } from '../../../lib/platform/docker/images.ts'

test('pauses double up to half a minute, and chance decides about half of each', () => {
  const pauses = [2, 3, 4, 5, 6, 7, 8, 20].map((attempt) => [
    pauseBefore(attempt, () => 0),
    pauseBefore(attempt, () => 1),
  ])
  assert.equal(pauses, [
    [500, 1000],
    [1000, 2000],
    [2000, 4000],
    [4000, 8000],
    [8000, 16_000],
    [15_000, 30_000],
    [15_000, 30_000],
    [15_000, 30_000],
  ])
})

test('the registry of a reference is its first part, where that is a host', () => {
  assert.is(registryOf('postgres:17'), undefined)
  assert.is(registryOf('grafana/grafana:11'), undefined)
  assert.is(registryOf('ghcr.io/a/b@sha256:00'), 'ghcr.io')
  assert.is(registryOf('localhost/a'), 'localhost')
  assert.is(registryOf('127.0.0.1:5000/a:1'), '127.0.0.1:5000')
})

test.run()
