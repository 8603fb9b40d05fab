import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { serviceSchema } from '../../lib/model/service.ts'
import { overlapOf } from '../../lib/validate/resolve-overlap.ts'

const service = (given: Record<string, unknown> = {}) =>
  serviceSchema.parse({
    name: 'api',
    category: 'applications',
    rollout: 'overlap',
    docker: { path: 'docker/api', networks: ['backend', 'frontend'], ports: [{ container: 8080 }] },
    ...given,
  })
const proxy = serviceSchema.parse({
  name: 'proxy',
  category: 'infrastructure',
  docker: { path: 'docker/proxy', networks: ['frontend'], proxy: { adapter: 'nginx', routes: [{ service: 'api' }] } },
})
const docker = (compose: Record<string, unknown> = {}) => ({
  main: 'api',
  compose: JSON.stringify({ services: { api: compose } }),
  published: [] as { name: string; of: string; container: number; host: number; protocol: 'tcp' }[],
  networks: { backend: 'shop-dev_backend', frontend: 'shop-dev_frontend' },
})
const refusal = (found: ReturnType<typeof overlapOf>) => ('refusal' in found ? found.refusal.message : '')

test('requests come through the proxy that has a route, on the network that both are on', () => {
  assert.equal(overlapOf(service(), { docker: docker(), others: [proxy], graceMs: 45_000 }), {
    overlap: {
      drainMs: 45_000,
      proxy: { service: 'proxy', adapter: 'nginx', port: 8080, network: 'shop-dev_frontend' },
    },
  })
})

test('without a route it is refused, unless two at once do no harm', () => {
  const options = { docker: docker(), others: [], graceMs: 1000 }
  assert.match(refusal(overlapOf(service(), options)), 'no proxy sends requests to it')
  assert.equal(overlapOf(service({ concurrent: true }), options), { overlap: { drainMs: 30_000 } })
})

test('what writes data, or has a port of the host, is refused', () => {
  const options = { others: [proxy], graceMs: 1000 }
  for (const category of ['databases', 'storage']) {
    assert.match(
      refusal(overlapOf(service({ category, concurrent: true }), { ...options, docker: docker() })),
      category,
    )
  }
  const volumes = (volume: unknown) => ({ ...options, docker: docker({ volumes: [volume] }) })
  assert.match(refusal(overlapOf(service(), volumes('data:/data'))), 'old and new would both write to data')
  assert.match(
    refusal(overlapOf(service(), volumes({ type: 'volume', source: 'data', target: '/data' }))),
    'write to data',
  )
  for (const harmless of [
    'data:/data:ro',
    { type: 'tmpfs', target: '/tmp' },
    { source: 'x', target: '/x', read_only: true },
  ]) {
    assert.is(refusal(overlapOf(service(), volumes(harmless))), '')
  }
  const published = [{ name: 'http', of: 'api', container: 8080, host: 18080, protocol: 'tcp' as const }]
  assert.match(
    refusal(overlapOf(service(), { ...options, docker: { ...docker(), published } })),
    'port 18080 of the host',
  )
})

test('a proxy on no network of the service is refused', () => {
  const elsewhere = service({ docker: { path: 'docker/api', networks: ['backend'], ports: [{ container: 8080 }] } })
  assert.match(
    refusal(overlapOf(elsewhere, { docker: docker(), others: [proxy], graceMs: 1 })),
    'no network with proxy',
  )
})

test.run()
