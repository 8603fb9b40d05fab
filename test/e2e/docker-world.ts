/**
 * A small workspace on a real Docker engine: a web service that behaves as a file of it says, a store with a volume and a health check, a
 * one-shot, and (where asked for) a PostgreSQL without a published port. What it makes on the engine has a name of its own.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { busybox, nginx, node, postgres } from '../images/index.ts'
import { type Engine, engine } from '../support/docker.ts'
import { type Ended, freePort, type Running, repository, run, start, temporaryFolder } from '../support/index.ts'
import { filesOfDockerWorld } from './docker-world-files.ts'
import { checkNext } from './next-commands.ts'

/** What the web service does once it is started. */
export type Behaviour = 'good' | 'unready' | 'crash' | 'exit' | 'hungry' | 'deaf' | 'flapping'

/** A workspace in a folder of its own, and its engine. */
export type DockerWorld = {
  engine: Engine
  /** The workspace's name, which all names on the engine begin with. */
  name: string
  id: string
  folder: string
  port: number
  env: Record<string, string>
  task(args: readonly string[], options?: { env?: Record<string, string>; timeout?: number }): Promise<Ended>
  start(args: readonly string[], options?: { env?: Record<string, string>; timeout?: number }): Running
  write(path: string, text: string): Promise<void>
  git(...args: string[]): Promise<string>
  /** Makes a commit in which the web service behaves so; returns its hash. */
  commit(behaviour: Behaviour, version: string): Promise<string>
  json<T = Record<string, unknown>>(args: readonly string[]): Promise<T>
  /** What the web service answers at a path of its published port; undefined when it does not. */
  get(path: string): Promise<{ status: number; body: string } | undefined>
  /** The containers of the workspace: `name state`, sorted. */
  containers(): Promise<string[]>
  /** Removes everything that is its on the engine. */
  end(): Promise<void>
}

/** What differs from the usual world. */
export type DockerWorldOptions = {
  database?: boolean
  /** The services besides, of `cache` and `job`; default both. */
  services?: string[]
  hooks?: string
  keep?: number
  /** Of another world: the same workspace in another clone. */
  clone?: DockerWorld
  name?: string
  health?: string
  /** Default: the one that all files of the run share. */
  engine?: Engine
  /** The web service overlaps, and a proxy has its port. */
  overlap?: boolean
  /** The web service is a server of 3 MB that ends at once, has an anonymous volume and is always good. This is its image, as Compose is told. */
  tiny?: string
}

/** Makes the workspace, with one good commit. Nothing runs yet. */
export async function makeDockerWorld(options: DockerWorldOptions = {}): Promise<DockerWorld> {
  const { clone } = options
  const on = clone?.engine ?? options.engine ?? (await engine())
  const name = clone?.name ?? options.name ?? `t${randomBytes(4).toString('hex')}`
  const id = clone?.id ?? `${name}0000test`.slice(0, 16)
  const folder = join(temporaryFolder(), name)
  const port = clone?.port ?? (await freePort())
  const [nodeImage, busyboxImage, postgresImage, proxyImage] = await Promise.all([
    options.tiny ? '' : node(on),
    busybox(on),
    options.database ? postgres(on) : '',
    options.overlap ? nginx(on) : '',
  ])
  const env = { ...on.env }
  const write = async (path: string, text: string) => {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), text, path.startsWith('.env') ? { mode: 0o600 } : {})
  }
  await write('Taskfile.ts', "import { operations } from 'vital-ops/operations'\nexport default operations()\n")
  await write('package.json', '{ "name": "shop", "private": true, "type": "module" }\n')
  await write('.gitignore', 'node_modules\n.ops\n.env.*\n!*.example\n')
  await mkdir(join(folder, 'node_modules'))
  await symlink(repository, join(folder, 'node_modules/vital-ops'))
  await write('config/workspace.yaml', `name: ${name}\nid: ${id}\n`)
  for (const [path, text] of Object.entries(filesOfDockerWorld(port, options))) await write(path, text)
  await write(
    '.env.dev',
    [
      'TOKEN=token-of-the-web-service',
      'POSTGRES_PASSWORD=correct-horse-battery',
      'GREETING=hello',
      `NODE_IMAGE=${nodeImage}`,
      `BUSYBOX_IMAGE=${busyboxImage}`,
      `POSTGRES_IMAGE=${postgresImage}`,
      `PROXY_IMAGE=${proxyImage}`,
      '',
    ].join('\n'),
  )
  const git = async (...args: string[]) => {
    const done = await run(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: folder })
    if (done.status !== 0) throw new Error(`git ${args.join(' ')}: ${done.stderr}`)
    return done.stdout.trim()
  }
  const list = async (what: string[], format: string) =>
    (await on.docker([...what, '--filter', `label=vital-ops.workspace=${id}`, '--format', format]))
      .split('\n')
      .filter((line) => line !== '')
      .sort()
  const world: DockerWorld = {
    engine: on,
    name,
    id,
    folder,
    port,
    env,
    task: async (args, given = {}) => checkNext(folder, args, await world.start(args, given).ended),
    start: (args, given = {}) =>
      start([process.execPath, join(repository, 'bin/task'), ...args], {
        cwd: folder,
        env: { ...env, ...given.env },
        timeout: given.timeout ?? 240_000,
      }),
    write,
    git,
    async commit(behaviour, version) {
      await write('infrastructure/docker/applications/web/behaviour.json', JSON.stringify({ behaviour, version }))
      await git('add', '-A')
      await git('commit', '-q', '-m', version)
      return git('rev-parse', 'HEAD')
    },
    async json(args) {
      const done = await world.task([...args, '--json'])
      return JSON.parse(done.stdout)
    },
    async get(path) {
      try {
        const response = await fetch(`http://127.0.0.1:${port}${path}`, { signal: AbortSignal.timeout(5000) })
        return { status: response.status, body: await response.text() }
      } catch {
        return undefined
      }
    },
    containers: () => list(['ps', '--all', '--filter', 'label=vital-ops.service'], '{{.Names}} {{.State}}'),
    async end() {
      const containers = await list(['ps', '--all', '--no-trunc'], '{{.ID}}')
      if (containers.length > 0) await on.try(['rm', '--force', '--volumes', ...containers])
      const networks = await list(['network', 'ls'], '{{.ID}}')
      if (networks.length > 0) await on.try(['network', 'rm', ...networks])
      const volumes = await list(['volume', 'ls'], '{{.Name}}')
      if (volumes.length > 0) await on.try(['volume', 'rm', '--force', ...volumes])
    },
  }
  await git('init', '-q', '-b', 'main')
  await world.commit('good', 'v1')
  return world
}
