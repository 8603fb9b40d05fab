import { spawnSync } from 'node:child_process'
import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parse, parseAllDocuments } from 'yaml'
import { skip } from '../support/index.ts'

const example = path.resolve('example')
const infrastructure = path.join(example, 'infrastructure')

// The manifests' own shapes are what is looked at here, hence no types.
// biome-ignore lint/suspicious/noExplicitAny: see above
type Yaml = any

/** Runs a program, or skips the test where it is not installed. */
function run(program: string, ...args: string[]): string {
  const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd: example })
  if (error) skip(`${program} is not installed`)
  assert.is(status, 0, stderr)
  return stdout
}

const composeFiles = fs
  .readdirSync(path.join(infrastructure, 'docker'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('compose.yaml'))
  .sort()

test('there is a Compose file for each service', () => {
  assert.equal(composeFiles, [
    'applications/api/compose.yaml',
    'applications/worker/compose.yaml',
    'databases/postgres/compose.yaml',
    'databases/redis/compose.yaml',
    'infrastructure/proxy/compose.yaml',
    'monitoring/alertmanager/compose.yaml',
    'monitoring/prometheus/compose.yaml',
  ])
})

for (const file of composeFiles) {
  test(`${file} is bounded, checked, confined, and names what exists`, () => {
    const folder = path.join(infrastructure, 'docker', path.dirname(file))
    const compose: Yaml = parse(fs.readFileSync(path.join(folder, 'compose.yaml'), 'utf8'))
    assert.equal(Object.keys(compose.services), [path.basename(folder)])
    for (const network of Object.values<Yaml>(compose.networks)) {
      assert.match(network.name, /^\$\{[A-Z]+_NETWORK:-endpoint-statistics-[a-z]+\}$/)
      assert.is(network.external, true)
    }
    const [service]: Yaml[] = Object.values(compose.services)
    assert.match(service.image, /^\$\{[A-Z]+_IMAGE:-.+:.+\}$/)
    assert.ok(service.deploy.resources.limits.memory)
    assert.is(service.restart, 'unless-stopped')
    assert.equal(service.security_opt, ['no-new-privileges:true'])
    for (const network of service.networks) assert.ok(network in compose.networks, network)
    for (const secret of service.secrets ?? []) assert.ok((secret.source ?? secret) in compose.secrets)
    for (const port of service.ports ?? []) assert.match(port, /^(\$\{[A-Z]+_ADDRESS:-127\.0\.0\.1\}|127\.0\.0\.1):/)
    for (const volume of service.volumes ?? []) {
      const [source] = volume.split(':')
      if (source.startsWith('.')) assert.ok(fs.existsSync(path.join(folder, source)), `${source} exists`)
      else assert.ok(source in compose.volumes, `${source} is declared`)
    }
    if (service.build) {
      const context = path.join(folder, service.build.context)
      assert.is(context, path.join(example, 'services'))
      const dockerfile = fs.readFileSync(path.join(context, service.build.dockerfile), 'utf8')
      for (const line of [/^USER node$/m, /^HEALTHCHECK /m, /^FROM \$\{NODE_IMAGE\} AS build$/m])
        assert.match(dockerfile, line)
    } else assert.ok(service.healthcheck.test.length > 1)
  })
}

test('a secret of Compose and a read-only root file system do not go together', () => {
  // Compose copies secrets from the environment into the container and refuses this: docker/compose#12031.
  for (const file of composeFiles) {
    const [service]: Yaml[] = Object.values(
      parse(fs.readFileSync(path.join(infrastructure, 'docker', file), 'utf8')).services,
    )
    assert.not.ok(service.secrets && service.read_only, file)
  }
})

for (const environment of ['dev', 'staging', 'production']) {
  test(`the overlay ${environment} renders to pods that are bounded, probed, confined and reached`, () => {
    const text = run('kubectl', 'kustomize', path.join(infrastructure, 'kubernetes/overlays', environment))
    const objects: Yaml[] = parseAllDocuments(text).map((document) => document.toJS())
    const named = (kind: string) =>
      objects.filter((object) => object.kind === kind).map((object) => object.metadata.name)
    const [namespace] = named('Namespace')
    for (const object of objects) {
      if (object.kind !== 'Namespace')
        assert.is(object.metadata.namespace, namespace, `${object.kind} ${object.metadata.name}`)
    }
    const workloads = objects.filter((object) => object.spec?.template || object.spec?.jobTemplate)
    assert.ok(workloads.length >= 4)
    for (const workload of workloads) {
      const { spec, metadata } = (workload.spec.jobTemplate?.spec ?? workload.spec).template
      const who = `${workload.kind} ${workload.metadata.name}`
      assert.is(spec.automountServiceAccountToken, false, who)
      assert.is(spec.securityContext.runAsNonRoot, true, who)
      if (spec.serviceAccountName) assert.ok(named('ServiceAccount').includes(spec.serviceAccountName), who)
      assert.ok(
        named('NetworkPolicy').includes(metadata.labels['app.kubernetes.io/name']),
        `${who} has a network policy`,
      )
      for (const container of spec.containers) {
        assert.match(container.image, /:[^:]+$/, who)
        assert.ok(container.resources.limits.memory && container.resources.requests.cpu, who)
        assert.equal(container.securityContext.capabilities, { drop: ['ALL'] }, who)
        assert.is(container.securityContext.readOnlyRootFilesystem, true, who)
        if (workload.kind !== 'CronJob') assert.ok(container.livenessProbe && container.readinessProbe, who)
        for (const { configMapRef } of container.envFrom ?? [])
          assert.ok(named('ConfigMap').includes(configMapRef.name), who)
      }
    }
    for (const service of objects.filter((object) => object.kind === 'Service')) {
      const pods = workloads.filter(({ spec }) =>
        Object.entries(service.spec.selector).every(([key, value]) => spec.template?.metadata.labels[key] === value),
      )
      assert.is(pods.length, 1, `Service ${service.metadata.name}`)
      const ports = pods[0].spec.template.spec.containers.flatMap((container: Yaml) => container.ports)
      for (const { targetPort } of service.spec.ports) assert.ok(ports.some((port: Yaml) => port.name === targetPort))
    }
    assert.is(named('CronJob').length, environment === 'dev' ? 0 : 1)
    const [ingress] = objects.filter((object) => object.kind === 'Ingress')
    assert.equal(Boolean(ingress.spec.tls), environment === 'production')
  })
}

test("Prometheus accepts its configuration and the alerts' rules", () => {
  assert.match(
    run('promtool', 'check', 'config', 'infrastructure/monitoring/prometheus/prometheus.yml'),
    '4 rules found',
  )
})

test('Alertmanager accepts its configuration', () => {
  assert.match(run('amtool', 'check-config', 'infrastructure/monitoring/alertmanager/alertmanager.yml'), 'SUCCESS')
})

test('each alert points at a part of a runbook', () => {
  const file = path.join(infrastructure, 'monitoring/prometheus/rules/endpoint-statistics.yml')
  const [{ rules }]: Yaml[] = parse(fs.readFileSync(file, 'utf8')).groups
  for (const { alert, annotations } of rules) {
    const [runbook, anchor] = annotations.runbook.split('#')
    const headings = [...fs.readFileSync(path.join(example, runbook), 'utf8').matchAll(/^#+ (.+)$/gm)].map(
      ([, heading]) => String(heading).toLowerCase().replaceAll(' ', '-'),
    )
    assert.ok(headings.includes(anchor), `${alert}: ${annotations.runbook}`)
  }
})

test.run()
