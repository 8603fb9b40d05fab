import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseYamlFile } from '../../lib/manifest/yaml-file.ts'
import { interpolate, variablesIn } from '../../lib/validate/compose/variables.ts'
import { codesOf, desiredOf, resolved, serviceOf } from './support.ts'

const texts = (service = '') =>
  new Map([
    ['config/workspace.yaml', 'name: shop\nid: shop0000test\n'],
    ['config/environments/dev.yaml', 'name: dev\nplatform: docker\nvalues: { IMAGE: "registry.example.com/web:1" }\n'],
    [
      'config/services/web.yaml',
      `name: web
category: applications
docker:
  path: docker/web
  networks: [backend]
  ports: [{ name: http, container: 80, host: 8080 }]
configuration:
  environment_variables: { LEVEL: info }
  secrets: [TOKEN]
${service}`,
    ],
  ])
const values = new Map([['TOKEN', 'a-long-token']])

const options = (compose: string, mounted = {}) => ({
  values,
  compose: {
    web: { path: 'docker/web/compose.yaml', yaml: parseYamlFile('docker/web/compose.yaml', compose), mounted },
  },
})
const web = (compose: string, mounted = {}) => {
  const { spec } = serviceOf(desiredOf(texts(), 'dev', options(compose, mounted)), 'web')
  if (!spec?.docker) throw new Error('no containers')
  return { ...spec, docker: spec.docker, rendered: JSON.parse(spec.docker.compose) }
}
const mistakes = (compose: string, mounted = {}) => codesOf(resolved(texts(), 'dev', options(compose, mounted)))

const good = `x-base: &base { restart: unless-stopped }
services:
  web:
    <<: *base
    image: \${IMAGE:-nginx}
    environment: { LEVEL: "\${LEVEL}", OTHER: "\${OTHER:-x}" }
    secrets: [token]
    ports: ["127.0.0.1:9999:80", "9443:443"]
    volumes: ["./site:/srv:ro", "data:/data"]
    stop_grace_period: 25s
  side: { image: busybox, deploy: { replicas: 2, resources: { limits: { memory: 64M } } } }
secrets: { token: { environment: TOKEN } }
volumes: { data: { name: elsewhere } }
networks: { backend: { name: somewhere, external: true } }
`
const site = { './site': { files: { 'index.html': 'costs $5', 'a/b.txt': 'b' } } }

test('a Compose file becomes a spec: project, images, networks, ports, grace', () => {
  const spec = web(good, site)
  const { docker } = spec
  assert.is(docker.project, 'shop-dev-web')
  assert.is(docker.main, 'web')
  assert.equal(docker.images, { web: { reference: 'registry.example.com/web:1' }, side: { reference: 'busybox' } })
  assert.equal(docker.replicas, { web: 1, side: 2 })
  assert.equal(docker.networks, { backend: 'shop-dev_backend' })
  assert.is(spec.graceMs, 25_000)
  assert.equal(docker.published, [
    { container: 80, address: '127.0.0.1', protocol: 'tcp', name: 'http', of: 'web', host: 8080 },
    { container: 443, protocol: 'tcp', name: '443', of: 'web', host: 9443 },
  ])
})

test('files of the workspace are in it by content, volumes have no name of their own, and no secret is in it', () => {
  const { rendered, docker } = web(good, site)
  assert.equal(rendered['x-files'], {
    web: { '/srv/index.html': { text: 'costs $5' }, '/srv/a/b.txt': { text: 'b' } },
  })
  assert.equal(rendered.services.web.volumes, ['data:/data'])
  assert.is(rendered.services.web.restart, 'unless-stopped')
  assert.equal(rendered.services.web.networks, { default: null, backend: null })
  assert.equal(rendered.services.side.deploy, { resources: { limits: { memory: '64M' } } })
  assert.equal(rendered.volumes, { data: {} })
  assert.not.ok('networks' in rendered)
  assert.not.match(JSON.stringify(docker), /a-long-token/)
})

test('a fingerprint names what differs', () => {
  const parts = (compose: string) => {
    const { fingerprint } = serviceOf(desiredOf(texts(), 'dev', options(compose, site)), 'web')
    return fingerprint
  }
  const [one, other] = [parts(good), parts(good.replace('${IMAGE:-nginx}', 'nginx:2'))]
  const differing = Object.keys(one).filter((name) => one[name] !== other[name])
  assert.equal(differing, ['image.web'])
  assert.ok('environment.LEVEL' in one && 'environment.TOKEN' in one && 'ports.http' in one)
})

test('what would do something else than it says is refused, each at its place', () => {
  assert.equal(mistakes('services: {}\n'), ['docker/web/compose.yaml:1:1 compose-not-supported'])
  assert.equal(mistakes('services:\n  web:\n    image: x\n    container_name: web\n    env_file: .env\n'), [
    'docker/web/compose.yaml:4:21 compose-not-supported',
    'docker/web/compose.yaml:5:15 compose-not-supported',
  ])
  assert.equal(
    mistakes('services:\n  web:\n    image: x\n    networks: [other]\nnetworks: { other: { external: true } }\n'),
    ['docker/web/compose.yaml:4:15 undeclared-network'],
  )
  assert.equal(
    mistakes('services:\n  web: { image: x, command: ["$MISSING"] }\n').map((line) => line.split(' ')[1]),
    ['unset-variable'],
  )
  assert.equal(
    mistakes('services:\n  one: { image: x }\n  two: { image: x }\n').map((line) => line.split(' ')[1]),
    ['compose-not-supported'],
  )
  assert.equal(
    mistakes('services:\n  web:\n    image: x\n    volumes: [./gone:/x:ro]\n').map((line) => line.split(' ')[1]),
    ['compose-not-supported'],
  )
  assert.equal(codesOf(resolved(texts(), 'dev', { values, compose: {} })), [
    'config/services/web.yaml:4:9 no-compose-file',
  ])
})

test('variables are read as Compose reads them', () => {
  const known: Record<string, string> = { A: 'a', EMPTY: '' }
  const filled = (text: string) => interpolate(text, (name) => known[name])
  assert.is(filled('$A ${A} $$A ${B:-x} ${EMPTY:-y} ${EMPTY-z} ${A:+set} ${B:+set} ${B:-${A}b}'), 'a a $A x y  set  ab')
  assert.equal(variablesIn('${A:-$B} ${C?no} $D $$E'), [
    { name: 'A', guarded: true },
    { name: 'B', guarded: true },
    { name: 'C', guarded: false },
    { name: 'D', guarded: false },
  ])
})

test.run()
