import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RunSpec } from '../../lib/model/desired.ts'
import { placePorts, placeRelease } from '../../lib/plan/ports.ts'
import { markPort, settlePorts } from '../../lib/validate/port-marks.ts'
import { deployed, up } from './world.ts'

/** An api on 8080 with postgres on 5432, as the resolution of a catalogue leaves it. */
function spec(): RunSpec {
  const release = deployed(up()).releases[0]
  const base = release?.services.find(({ service }) => service === 'api')?.spec as RunSpec
  const port = (service: string, name: string, number: number) => markPort(service, name, number)
  const marked: RunSpec = {
    ...base,
    ports: { http: 8080 },
    command: ['serve', `--port=${port('', 'http', 8080)}`],
    environment: {
      PORT: port('', 'http', 8080),
      PAIR: `${port('', 'http', 8080)},${port('postgres', 'sql', 5432)},end`,
      DATABASE_URL: [
        'postgres://u:',
        { secret: 'P', digest: 'd' },
        `@127.0.0.1:${port('postgres', 'sql', 5432)}/db5432`,
      ],
      FIXED: port('elsewhere', 'sql', 5432),
    },
    health: { ...base.health, probes: [{ type: 'http', url: `http://127.0.0.1:${port('', 'http', 8080)}/` }] },
  } as unknown as RunSpec
  const declared: Record<string, number> = { 'api.http': 8080, 'postgres.sql': 5432 }
  return settlePorts(marked, (service, name) => declared[`${service}.${name}`])
}

test('a spec is placed on other ports, wherever its texts name them, and back', () => {
  const declared = spec()
  assert.is(declared.environment.PAIR, '8080,5432,end')
  const placed = placePorts(declared, { api: { http: 18 }, postgres: { sql: 123456 } })
  assert.equal(placed.ports, { http: 18 })
  assert.equal(placed.command, ['serve', '--port=18'])
  assert.equal(placed.environment, {
    PORT: '18',
    PAIR: '18,123456,end',
    DATABASE_URL: ['postgres://u:', { secret: 'P', digest: 'd' }, '@127.0.0.1:123456/db5432'],
    FIXED: '5432',
  })
  assert.is((placed.health.probes[0] as { url: string }).url, 'http://127.0.0.1:18/')
  const again = placePorts(placed, { postgres: { sql: 1 } })
  assert.is(again.environment.PAIR, '8080,1,end')
  const back = placePorts(again, {})
  assert.equal([back.environment, back.command, back.ports], [declared.environment, declared.command, declared.ports])
})

test('a spec of which nothing moves is the same; a record without the places keeps its texts', () => {
  const declared = spec()
  assert.is(placePorts(declared, { other: { http: 1 } }), declared)
  const { portUses: _, ...old } = declared
  assert.equal(placePorts(old, { postgres: { sql: 1 } }), old)
})

test('a release that is moved has the fingerprints of what it runs as, the artefact kept', () => {
  const release = deployed(up()).releases[0]
  if (!release) throw new Error('no release')
  const moved = placeRelease(release, { api: { main: 9999 } })
  const [before, after] = [release, moved].map((one) => one.services.find(({ service }) => service === 'api'))
  assert.is(after?.spec?.ports.main, 9999)
  assert.is(after?.fingerprint.artefact, before?.fingerprint.artefact)
  assert.is.not(after?.fingerprint['ports.main'], before?.fingerprint['ports.main'])
  assert.equal(placeRelease(release, {}), release)
})

test.run()
