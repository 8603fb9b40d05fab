import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Desired } from '../../../lib/model/desired.ts'
import { dataNotKept } from '../../../lib/platform/docker/preflight/data-kept.ts'

type Start = Parameters<typeof dataNotKept>[0]['starts'][number]

const startOf = (service: string, compose: Record<string, unknown>) =>
  ({
    data: {
      service,
      spec: { docker: { main: service, compose: JSON.stringify({ services: { [service]: compose } }) } },
    },
  }) as Start

const catalogue = (categories: Record<string, string>) =>
  ({
    services: Object.entries(categories).map(([name, category]) => ({ name, configuration: { category } })),
  }) as unknown as Desired

test('a database or storage without a named volume is warned of, unless it says that nothing is kept', () => {
  const findings = dataNotKept({
    starts: [
      startOf('postgres', { volumes: ['/var/lib/postgresql/data', './conf:/conf:ro'] }),
      startOf('files', { volumes: [{ type: 'volume', target: '/data' }] }),
      startOf('kept', { volumes: ['data:/var/lib/postgresql/data'] }),
      startOf('mounted', { volumes: [{ type: 'bind', source: '/srv', target: '/data' }] }),
      startOf('cache', { tmpfs: ['/data'] }),
      startOf('api', {}),
    ],
    desired: catalogue({
      postgres: 'databases',
      files: 'storage',
      kept: 'databases',
      mounted: 'storage',
      cache: 'databases',
      api: 'applications',
    }),
  })
  assert.equal(
    findings.map(({ rule, severity, service }) => `${severity} ${rule} ${service}`),
    ['warning data-not-kept postgres', 'warning data-not-kept files'],
  )
})

test.run()
