/**
 * What the conformance suite runs on: one catalogue of four services that has a section for each platform, in an environment of one of them. A
 * world says how its platform shows what runs, and how a service is made to fail there; nothing else differs.
 */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { PlatformName } from '../../../lib/model/environment.ts'
import { checkNext } from '../../e2e/next-commands.ts'
import { type Ended, freePort, type Running, repository, run, start, temporaryFolder } from '../../support/index.ts'

/** The catalogue: `page` needs `api`, which needs `store`; `side` can do without `store`. */
export const services = ['store', 'api', 'page', 'side'] as const
export type Service = (typeof services)[number]
/** How a service fares once it is started: `broken` ends at once, `unready` never gets through its gate. */
export type Behaviour = 'good' | 'broken' | 'unready'

/** A workspace in a folder of its own, on one platform. */
export type World = {
  platform: PlatformName
  folder: string
  task(args: readonly string[]): Promise<Ended>
  start(args: readonly string[]): Running
  /** The result of a command with `--json`, whatever its exit code. */
  json<T = Record<string, unknown>>(args: readonly string[]): Promise<T>
  /** Makes a commit in which a service is of this version and behaves so; gives its hash. */
  commit(service: Service, behaviour: Behaviour, version: string): Promise<string>
  /** Makes the next start of a service that `services up` starts fail, or mends that. */
  fail(service: Service, isBroken: boolean): Promise<void>
  /** What of each service runs now, by names that change when it is started anew. Sorted. */
  instances(): Promise<Record<Service, string[]>>
  /** The same environment from another folder; only where a platform keeps lock and releases outside of folders. */
  clone?(): Promise<World>
  end(): Promise<void>
}

/** What a platform brings to a world. */
export type Ground = Pick<World, 'platform' | 'fail' | 'instances' | 'end'> & {
  env: Record<string, string>
  environmentYaml: string
  /** Values of `.env.dev`. */
  values: Record<string, string>
  /** The files of a service's version. */
  filesOf(service: Service, behaviour: Behaviour, version: string): Record<string, string>
}

/** Pairs of a service and what runs of it, in order, by service. */
export const byService = (pairs: readonly (readonly [string | undefined, string])[]): Record<Service, string[]> =>
  Object.fromEntries(
    services.map((service) => [service, pairs.flatMap(([of, name]) => (of === service ? [name] : [])).sort()]),
  ) as Record<Service, string[]>

/** A folder of a workspace. */
export type Place = {
  id: string
  /** The workspace's name, which names on an engine begin with. */
  name: string
  folder: string
  ports: Record<Service, number>
  write(path: string, text: string): Promise<void>
}

/** Makes the workspace's folder with everything that its platform does not say. */
export async function makePlace(of?: Pick<Place, 'id' | 'name' | 'ports'>): Promise<Place> {
  const name = of?.name ?? `c${randomBytes(4).toString('hex')}`
  const folder = join(temporaryFolder(), name)
  const ports =
    of?.ports ??
    (Object.fromEntries(await Promise.all(services.map(async (one) => [one, await freePort()]))) as Place['ports'])
  const write = async (path: string, text: string) => {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  return { id: of?.id ?? `${name}0000test`.slice(0, 16), name, folder, ports, write }
}

/** Makes a world of a place and a platform, with one commit in which all is good. Nothing runs yet. */
export async function makeWorld(place: Place, ground: Ground): Promise<World> {
  const { folder, write, id, name } = place
  await write('Taskfile.ts', "import { operations } from 'vital-ops/operations'\nexport default operations()\n")
  await write('package.json', '{ "name": "shop", "private": true, "type": "module" }\n')
  await write('.gitignore', 'node_modules\n.ops\n.env.*\n')
  await mkdir(join(folder, 'node_modules'))
  await symlink(repository, join(folder, 'node_modules/vital-ops'))
  await write('config/workspace.yaml', `name: ${name}\nid: ${id}\n`)
  await write('config/environments/dev.yaml', ground.environmentYaml)
  const values = Object.entries(ground.values).map(([key, value]) => `${key}=${value}\n`)
  await write('.env.dev', values.join(''))
  await chmod(join(folder, '.env.dev'), 0o600)
  for (const service of services) {
    await write(`config/services/${service}.yaml`, serviceYaml(service, place))
    for (const [path, text] of Object.entries(ground.filesOf(service, 'good', 'v1'))) await write(path, text)
  }
  const git = async (...args: string[]) => {
    const done = await run(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: folder })
    if (done.status !== 0) throw new Error(`git ${args.join(' ')}: ${done.stderr}`)
    return done.stdout.trim()
  }
  const commitAll = async (message: string) => {
    await git('add', '-A')
    await git('commit', '-q', '--allow-empty', '-m', message)
    return git('rev-parse', 'HEAD')
  }
  const world: World = {
    platform: ground.platform,
    folder,
    fail: ground.fail,
    instances: ground.instances,
    end: ground.end,
    task: async (args) => checkNext(folder, args, await world.start(args).ended),
    start: (args) =>
      start([process.execPath, join(repository, 'bin/task'), ...args], {
        cwd: folder,
        env: ground.env,
        timeout: 240_000,
      }),
    json: async (args) => JSON.parse((await world.task([...args, '--json'])).stdout),
    async commit(service, behaviour, version) {
      for (const [path, text] of Object.entries(ground.filesOf(service, behaviour, version))) await write(path, text)
      return commitAll(`${service} ${version} ${behaviour}`)
    },
  }
  await git('init', '-q', '-b', 'main')
  await commitAll('v1')
  return world
}

const needs: Record<Service, string> = {
  store: '[]',
  api: '[store]',
  page: '[api]',
  side: '[{ service: store, optional: true }]',
}

/** Where a cluster has everything of a place. */
export const namespaceOf = ({ name }: Pick<Place, 'name'>): string => `vital-ops-test-${name}`

const serviceYaml = (name: Service, place: Place) => `name: ${name}
category: ${name === 'store' ? 'storage' : 'applications'}
dependencies: ${needs[name]}
local:
  command: [node, server.js]
  directory: services/${name}
  ports: { http: ${place.ports[name]} }
  grace: 2s
docker:
  path: infrastructure/docker/${name}
  networks: [backend]
  ports: [{ name: http, container: 8000 }]
kubernetes:
  namespace: ${namespaceOf(place)}
  manifests: [infrastructure/kubernetes/${name}.yaml]
  settle: 500ms
configuration:
  environment_variables: { PORT: "${place.ports[name]}" }
health:
  probes: [{ type: http, path: /ready, timeout: 2s }]
  interval: 200ms
  passes: 2
  deadline: 60s
`
