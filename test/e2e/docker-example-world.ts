/** The example workspace, copied, on a real Docker engine: its staging environment with images of this machine's programs. */
import { randomBytes } from 'node:crypto'
import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { alertmanager, nginx, nodeForBuilds, postgres, prometheus, redis } from '../images/index.ts'
import { type Engine, engine } from '../support/docker.ts'
import { type Ended, freePort, type Running, repository, run, start, temporaryFolder } from '../support/index.ts'

/** A copy of the example with a name of its own on the engine. */
export type DockerExample = {
  engine: Engine
  name: string
  folder: string
  /** Where the proxy is. */
  url: string
  ports: { proxy: number; prometheus: number; alertmanager: number }
  task(args: readonly string[], options?: { timeout?: number }): Promise<Ended>
  start(args: readonly string[], options?: { timeout?: number }): Running
  write(path: string, text: string): void
  read(path: string): string
  commit(message: string): Promise<string>
  end(): Promise<void>
}

/** What differs. `services`: of the environment; default all. */
export type DockerExampleOptions = { services?: readonly string[]; host?: Engine; hooks?: boolean }

const all = ['postgres', 'redis', 'api', 'worker', 'proxy', 'prometheus', 'alertmanager']

/** Copies the example, with one commit. Nothing runs yet. */
export async function makeDockerExample(options: DockerExampleOptions = {}): Promise<DockerExample> {
  const on = options.host ?? (await engine())
  const name = `ex${randomBytes(4).toString('hex')}`
  const folder = join(temporaryFolder(), name)
  const left = new Set(['node_modules', '.ops', 'dist', 'docs', 'kubernetes', '.env.dev'])
  cpSync(join(repository, 'example'), folder, { recursive: true, filter: (path) => !left.has(basename(path)) })
  const read = (path: string) => readFileSync(join(folder, path), 'utf8')
  const write = (path: string, text: string) =>
    writeFileSync(join(folder, path), text, path.startsWith('.env') ? { mode: 0o600 } : {})
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(repository, join(folder, 'node_modules', 'vital-ops'))
  write('.gitignore', 'node_modules\n.ops\n.env.*\n!*.example\ndist\n')
  write(
    'config/workspace.yaml',
    read('config/workspace.yaml')
      .replace(/^name: .*$/m, `name: ${name}`)
      .replace(/^id: .*$/m, `id: ${name}0000`),
  )
  // No registry is reached from here: what is built stays on the engine.
  for (const service of ['api', 'worker']) {
    const path = `config/services/${service}.yaml`
    write(path, read(path).replace(/^ {2}repository: .*\n/m, ''))
  }
  const ports = { proxy: await freePort(), prometheus: await freePort(), alertmanager: await freePort() }
  const services = options.services ?? all
  const listed = services.map((service) => {
    const port = ports[service as keyof typeof ports]
    return port === undefined ? `  ${service}: {}` : `  ${service}: { ports: { http: ${port} } }`
  })
  const staging = read('config/environments/staging.yaml').replace(
    /^services: .*$/m,
    ['services:', ...listed].join('\n'),
  )
  write(
    'config/environments/staging.yaml',
    options.hooks === false ? staging.slice(0, staging.indexOf('  hooks:')) : staging,
  )
  const images = {
    POSTGRES_IMAGE: await postgres(on),
    REDIS_IMAGE: await redis(on),
    PROXY_IMAGE: await nginx(on),
    PROMETHEUS_IMAGE: await prometheus(on),
    ALERTMANAGER_IMAGE: await alertmanager(on),
  }
  // What the Dockerfiles are built from.
  await on.docker(['tag', await nodeForBuilds(on), 'node:22-alpine'])
  const values = { POSTGRES_PASSWORD: 'secret-of-tests', ...images }
  write(
    '.env.staging',
    `${Object.entries(values)
      .map(([key, value]) => `${key}=${value}`)
      .join('\n')}\n`,
  )
  const git = async (...args: string[]) => {
    const done = await run(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: folder })
    if (done.status !== 0) throw new Error(`git ${args.join(' ')}: ${done.stderr}`)
    return done.stdout.trim()
  }
  const url = `http://127.0.0.1:${ports.proxy}`
  const example: DockerExample = {
    engine: on,
    name,
    folder,
    url,
    ports,
    start: (args, given = {}) =>
      start([process.execPath, join(repository, 'bin/task'), ...args], {
        cwd: folder,
        env: { ...on.env, API_URL: url },
        timeout: given.timeout ?? 300_000,
      }),
    task: (args, given) => example.start(args, given).ended,
    write,
    read,
    async commit(message) {
      await git('add', '-A')
      await git('commit', '-q', '--allow-empty', '-m', message)
      return git('rev-parse', 'HEAD')
    },
    async end() {
      const mine = ['--filter', `label=vital-ops.workspace=${name}0000`]
      const list = async (...what: string[]) => (await on.docker([...what, ...mine])).split('\n').filter(Boolean)
      const containers = await list('ps', '--all', '--quiet')
      if (containers.length > 0) await on.try(['rm', '--force', '--volumes', ...containers])
      const networks = await list('network', 'ls', '--quiet')
      if (networks.length > 0) await on.try(['network', 'rm', ...networks])
      const volumes = await list('volume', 'ls', '--quiet')
      if (volumes.length > 0) await on.try(['volume', 'rm', '--force', ...volumes])
    },
  }
  await git('init', '-q', '-b', 'main')
  await example.commit('first')
  return example
}
