/** The example's production environment on the test's cluster: its manifests as they are, its database played by a real PostgreSQL. */
import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startServer, type TestServer, testEngine } from '../database/support/server.ts'
import { repository, run, skip, start, temporaryFolder, timeLimit } from '../support/index.ts'
import { type Cluster, startCluster } from '../support/kubernetes/index.ts'
import { isReal } from './kubernetes-world.ts'

timeLimit(600_000)

const password = 'correct-horse-battery'
const on = suite<{ folder: string; cluster: Cluster; server: TestServer; env: Record<string, string> }>(
  "the example's production environment",
)

on.before(async (context) => {
  if (isReal) skip('the images of the example are in no registry')
  const base = temporaryFolder()
  const folder = join(base, 'example')
  const server = await startServer(await testEngine())
  await server.query(`create role endpoint_statistics superuser login password '${password}'`)
  const cluster = await startCluster({
    folder: join(base, 'cluster'),
    listens: (pod, port) =>
      port === 5432 && pod.metadata.labels?.['app.kubernetes.io/name'] === 'postgres'
        ? { host: '127.0.0.1', port: server.port }
        : undefined,
  })
  cluster.api.create(
    cluster.api.type('ingressclasses'),
    {
      apiVersion: 'networking.k8s.io/v1',
      kind: 'IngressClass',
      metadata: { name: 'nginx' },
      spec: { controller: 'k8s.io/ingress-nginx' },
    },
    { manager: 'test', dryRun: false },
  )
  const env = { KUBECONFIG: cluster.kubeconfig, KUBECACHEDIR: join(base, 'kube-cache') }
  Object.assign(context, { folder, cluster, server, env })
  const left = new Set(['node_modules', '.ops', 'dist', 'docs', '.env.dev'])
  cpSync(join(repository, 'example'), folder, { recursive: true, filter: (path) => !left.has(basename(path)) })
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(repository, join(folder, 'node_modules', 'vital-ops'))
  const change = (path: string, edit: (text: string) => string) =>
    writeFileSync(join(folder, path), edit(readFileSync(join(folder, path), 'utf8')))
  const id = `ex${randomBytes(4).toString('hex')}`
  change('config/workspace.yaml', (text) => text.replace(/^id: .*$/m, `id: ${id}`))
  change('config/environments/production.yaml', (text) =>
    text.replace('context: production', 'context: test').replace('passes: 5', 'passes: 2'),
  )
  // Its pods have been ready long enough sooner than real ones.
  for (const name of ['postgres', 'redis', 'api', 'worker', 'proxy'])
    change(`config/services/${name}.yaml`, (text) => text.replace('kubernetes:\n', 'kubernetes:\n  settle: 1s\n'))
  writeFileSync(join(folder, '.gitignore'), 'node_modules\n.ops\n.env.*\n!*.example\ndist\n')
  writeFileSync(join(folder, '.env.production'), `POSTGRES_PASSWORD=${password}\n`, { mode: 0o600 })
  for (const args of [
    ['init', '-q', '-b', 'main'],
    ['add', '-A'],
    ['commit', '-q', '-m', 'first'],
  ])
    await run(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: folder })
})
on.after(async ({ cluster, server }) => {
  await cluster?.end()
  await server?.dispose()
})

on('is deployed as it is, with its database made and migrated through the tunnel', async (context) => {
  const { folder, env, server, cluster } = context
  const task = (args: string[]) =>
    start([process.execPath, join(repository, 'bin/task'), ...args], { cwd: folder, env, timeout: 300_000 }).ended
  // As a cluster without the registry of the builds is served.
  const images = ['api', 'worker'].flatMap((name) => [
    '--image',
    `${name}=registry.example.com/endpoint-statistics-${name}@sha256:${'0123456789abcdef'.repeat(4)}`,
  ])
  const done = await task(['deploy', 'production', '--confirm=production', ...images])
  assert.is(done.status, 0, done.stdout + done.stderr)
  assert.not.match(done.stdout + done.stderr, password)
  const tables = await server.query(
    "select relname from pg_class where relname ~ '^hits' and relkind in ('r', 'i') order by 1",
    [],
    'endpoint_statistics',
  )
  assert.ok(tables.some(({ relname }) => relname === 'hits'))
  assert.ok(tables.some(({ relname }) => relname === 'hits_endpoint_counted_at_idx'))
  const api = cluster.api.store.get(cluster.api.type('deployments'), 'api', 'endpoint-statistics')
  // How many there are is up to its autoscaler.
  assert.ok(api.status?.readyReplicas >= 1)
  const again = await task(['deploy', 'production', '--dry-run', ...images])
  assert.match(again.stdout + again.stderr, /nothing to do/)
  const status = await task(['migrate', 'status', 'production'])
  assert.not.match(status.stdout, /pending/)
})

on.run()
