import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { RunSpec } from '../../../lib/model/desired.ts'
import type { Op } from '../../../lib/model/op.ts'
import type { Plan } from '../../../lib/model/plan.ts'
import type { DockerContext } from '../../../lib/platform/docker/context.ts'
import { dockerEngine } from '../../../lib/platform/docker/engine.ts'
import { ownerLabels, projectName } from '../../../lib/platform/docker/names.ts'
import { diskFree } from '../../../lib/platform/docker/preflight/disk.ts'
import { engineInfo } from '../../../lib/platform/docker/preflight/engine-info.ts'
import { bytesOf } from '../../../lib/platform/docker/preflight/resources.ts'
import type { Given } from '../../../lib/platform/docker/preflight/rule.ts'
import { versionsFit } from '../../../lib/platform/docker/preflight/versions.ts'
import { preflightDocker } from '../../../lib/platform/docker/preflight.ts'
import { dockerReleases } from '../../../lib/platform/docker/releases.ts'
import { systemClock } from '../../../lib/system/clock.ts'
import { busybox } from '../../images/index.ts'
import { engine } from '../../support/docker.ts'
import { freePort, note, temporaryFolder, timeLimit } from '../../support/index.ts'
import { startRegistry } from '../../support/registry.ts'

timeLimit(180_000)
const on = await engine()
const image = await busybox(on)
const id = randomBytes(4).toString('hex')
const owner = { workspaceName: `vop${id}`, workspaceId: `vop-${id}`, environment: 'staging' }

const contextAt = (host: string): DockerContext => {
  const docked = dockerEngine({ host })
  return {
    ...owner,
    engine: docked,
    folder: temporaryFolder(),
    releases: dockerReleases(docked, owner),
    ports: {},
    clock: systemClock,
    hidden: [],
  }
}

type Shape = { service?: Record<string, unknown>; host?: number; image?: string; replicas?: number; secret?: boolean }

function specOf(service: string, shape: Shape): RunSpec {
  const compose = { services: { [service]: { image: shape.image ?? image, ...shape.service } } }
  return {
    service,
    source: { kind: 'working-tree' },
    directory: '.',
    environment: shape.secret ? { TOKEN: [{ secret: 'TOKEN', digest: 'd' }] } : { LIMIT: '64m' },
    ports: {},
    restart: 'always',
    stopSignal: 'SIGTERM',
    graceMs: 1000,
    oneShot: false,
    health: { probes: [], intervalMs: 1000, passes: 1, deadlineMs: 10_000, watchMs: 0 },
    docker: {
      project: projectName(owner, service),
      main: service,
      compose: JSON.stringify(compose),
      variables: {},
      images: { [service]: { reference: shape.image ?? image } },
      replicas: { [service]: shape.replicas ?? 1 },
      networks: {},
      published: shape.host
        ? [{ name: 'http', of: service, container: 80, host: shape.host, protocol: 'tcp' as const }]
        : [],
    },
  }
}

function planOf(shapes: Record<string, Shape>, more: Op[] = []): Plan {
  const ops = Object.entries(shapes).map(
    ([service, shape]): Op => ({
      id: `start:${service}`,
      kind: 'start-service',
      after: [],
      cause: 'it does not run',
      changes: true,
      service,
      timeoutMs: 60_000,
      data: { service, spec: specOf(service, shape), fingerprint: {}, before: null },
    }),
  )
  return { operation: 'services up', environment: 'staging', ops: [...more, ...ops], findings: [], notes: [] }
}

const pull = (reference: string): Op => ({
  id: `pull:${reference}`,
  kind: 'pull-image',
  after: [],
  cause: 'the engine does not have it',
  changes: true,
  timeoutMs: 60_000,
  data: { reference, identity: null },
})

const noSecrets = { find: () => undefined }
const check = (plan: Plan, host = on.host) =>
  preflightDocker(contextAt(host), plan, undefined, noSecrets, new AbortController().signal)

/** Everything on the engine, by its id. */
const everything = () =>
  Promise.all([
    on.docker(['ps', '--all', '--quiet', '--filter', `label=vital-ops.workspace=${owner.workspaceId}`]),
    on.docker(['volume', 'ls', '--quiet', '--filter', `label=vital-ops.workspace=${owner.workspaceId}`]),
    on.docker(['network', 'ls', '--quiet', '--filter', `label=vital-ops.workspace=${owner.workspaceId}`]),
  ])

test('an engine that does not answer is the one finding, with what to type', async () => {
  const findings = await check(planOf({ api: {}, web: { secret: true } }), 'unix:///tmp/vop-none.sock')
  assert.equal(
    findings.map(({ rule }) => rule),
    ['engine-unreachable'],
  )
  assert.match(findings[0]?.mend ?? '', /^docker /)
})

test('fifty services: every kind of finding at once, in a few seconds, and nothing is changed', async () => {
  const registry = await startRegistry()
  const taken = await freePort()
  const listener = createServer()
  await new Promise<void>((resolve) => void listener.listen(taken, '0.0.0.0', resolve))
  const published = await freePort()
  const other = `vop${id}-other`
  await on.docker(['run', '--detach', '--name', other, '--publish', `${published}:80`, image, 'sleep', '600'])
  try {
    const fine = Array.from({ length: 44 }, (_, index): [string, Shape] => [`s${index}`, {}])
    const plan = planOf(
      {
        ...Object.fromEntries(fine),
        invalid: { service: { portz: [] } },
        secret: { secret: true },
        process: { host: taken },
        container: { host: published },
        huge: { service: { mem_limit: '9000g' } },
        busy: {
          service: { deploy: { resources: { limits: { cpus: '600.5', memory: `\${LIMIT:-1g}` } } } },
          replicas: 2,
        },
      },
      [pull(`${registry.host}/vop/none:1`), pull('127.0.0.1:1/vop/app:1')],
    )
    const before = await everything()
    const begun = performance.now()
    const findings = await check(plan)
    const ms = performance.now() - begun
    note(`pre-flight of ${Object.keys(plan.ops).length} ops in ${Math.round(ms)} ms`)
    // The bound is 5 s on an idle machine.
    assert.ok(ms < 20_000, `${ms} ms`)
    assert.equal(await everything(), before)
    const text = findings.map(({ rule, severity, service, message }) => `${severity} ${rule} ${service}: ${message}`)
    const said = (pattern: RegExp) =>
      assert.ok(
        text.some((line) => pattern.test(line)),
        `${pattern}\n${text.join('\n')}`,
      )
    said(/^error compose-invalid invalid: .*portz/)
    said(/^error secret-missing secret: .*TOKEN/)
    said(new RegExp(`^error port-in-use process: port ${taken} .* in use by .*pid ${process.pid}.*\\d+ is free`))
    said(new RegExp(`^error port-in-use container: port ${published} .*container ${other}.*\\d+ is free`))
    said(/^warning memory-limits-exceed-host undefined: .* 9000\.13 GiB/)
    said(/^warning cpu-limits-exceed-host undefined: .* 1201,/)
    said(/^error image-not-pullable undefined: .*vop\/none:1/)
    said(/^warning image-not-checked undefined: .*127\.0\.0\.1:1\/vop\/app:1/)
    const disk = text.filter((line) => line.includes('disk-nearly-full')).length
    assert.is(findings.length, 8 + disk, text.join('\n'))
    assert.ok(
      findings.every(({ mend }) => mend !== undefined),
      JSON.stringify(findings),
    )
  } finally {
    listener.close()
    await on.try(['rm', '--force', other])
    await registry.end()
  }
})

test('what is fit has no findings', async () => {
  const findings = await check(planOf({ api: { host: await freePort() }, web: {} }))
  assert.equal(
    findings.filter(({ rule }) => rule !== 'disk-nearly-full'),
    [],
  )
})

test('what Compose takes is asked once; of a deploy too, whose release has no record yet', async () => {
  const docker = contextAt(on.host)
  const plan = planOf({ api: {}, invalid: { service: { portz: [] } } })
  for (const op of plan.ops) if (op.kind === 'start-service') op.data.spec.source = { kind: 'release', release: 7 }
  const kept = () => readFileSync(join(docker.folder, '.ops/cache/compose-taken.json'), 'utf8')
  const look = async () => {
    const findings = await preflightDocker(docker, plan, undefined, noSecrets, new AbortController().signal)
    return findings.filter(({ rule }) => rule !== 'disk-nearly-full').map(({ rule, service }) => `${rule} ${service}`)
  }
  assert.equal(await look(), ['compose-invalid invalid'])
  const once = kept()
  assert.is((JSON.parse(once) as string[]).length, 1)
  assert.equal(await look(), ['compose-invalid invalid'])
  assert.is(kept(), once)
  for (const op of plan.ops) if (op.kind === 'start-service') op.data.spec.environment = { LIMIT: '65m' }
  await look()
  assert.is((JSON.parse(kept()) as string[]).length, 2)
})

test('engines and Composes that are too old are named, with the oldest that works', async () => {
  const docked = dockerEngine({ host: on.host })
  const info = await engineInfo(docked)
  assert.ok(info.ok && info.value.compose !== undefined && info.value.memoryBytes > 0 && info.value.processors > 0)
  if (!info.ok) return
  const given = (change: object) => ({ ...planned, info: { ...info.value, ...change } }) as unknown as Given
  const planned = { starts: planOf({ api: {} }).ops }
  const rules = async (change: object) => (await versionsFit(given(change))).map(({ rule }) => rule)
  assert.equal(await rules({}), [])
  assert.equal(await rules({ version: '19.03.15', compose: 'v2.17.0' }), ['engine-too-old', 'compose-too-old'])
  assert.equal(await rules({ compose: undefined }), ['compose-missing'])
  assert.equal(await rules({ version: '28.0.0-rc.1', compose: '2.40.3+ds1' }), [])
})

test('a full disk of the engine’s data root is an error, a nearly full one a warning', async () => {
  const folder = join(temporaryFolder(), 'root')
  mkdirSync(folder)
  const info = { version: '28.0.0', processors: 1, memoryBytes: 1, compose: undefined, dataRoot: folder }
  const given = { docker: contextAt(on.host), info, plan: planOf({ api: {} }) } as unknown as Given
  for (const [size, severity] of [
    ['64m', 'error'],
    ['1024m', 'warning'],
  ] as const) {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'tmpfs', folder])
    try {
      const [finding] = await diskFree(given)
      assert.is(finding?.severity, severity)
      assert.ok(finding?.message.includes(folder))
    } finally {
      execFileSync('umount', [folder])
    }
  }
})

test('sizes are read as Compose writes them', () => {
  assert.equal(['512m', '1.5gb', '1024', '2K', '10b', '', 'much'].map(bytesOf), [
    512 * 1024 ** 2,
    1.5 * 1024 ** 3,
    1024,
    2048,
    10,
    0,
    0,
  ])
  assert.equal(Object.keys(ownerLabels(owner)).length, 2)
})

test.run()
