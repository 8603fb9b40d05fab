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
}

const server = `
const { createServer } = require('node:http')
const { readFileSync } = require('node:fs')
const { behaviour, version } = JSON.parse(readFileSync('/app/behaviour.json', 'utf8'))
let flips = 0
console.log('starting', version, behaviour)
if (behaviour === 'crash' || behaviour === 'exit') {
  console.error('cannot find the frobnicator')
  process.exit(behaviour === 'exit' ? 0 : 3)
}
if (behaviour === 'hungry') {
  const eaten = []
  setInterval(() => eaten.push(Buffer.alloc(16 * 1024 * 1024, 1)), 20)
}
process.on('SIGTERM', () => behaviour === 'deaf' || process.exit(0))
const server = createServer((request, response) => {
  if (request.url === '/version') return response.end(version + ' ' + process.env.RELEASE)
  if (request.url === '/env') return response.end(process.env.GREETING)
  if (request.url === '/readyz' && behaviour === 'flapping') {
    flips += 1
    response.statusCode = flips % 2 ? 200 : 503
    return response.end(flips % 2 ? 'ok' : 'flaps')
  }
  if (request.url === '/token') return response.end(readFileSync('/run/secrets/token', 'utf8'))
  response.statusCode = behaviour === 'unready' ? 503 : 200
  response.end(behaviour === 'unready' ? 'no pool' : 'ok')
})
// The hungry one never gets as far as that.
if (behaviour !== 'hungry') server.listen(8080, () => console.log('listening'))
`

const webCompose = `# The web service.
services:
  web:
    image: \${NODE_IMAGE}
    command: [node, /app/server.js]
    environment:
      RELEASE: \${RELEASE:-}
      GREETING: \${GREETING}
    secrets: [token]
    volumes:
      - ./server.js:/app/server.js:ro
      - ./behaviour.json:/app/behaviour.json:ro
    networks: [backend]
    deploy: { resources: { limits: { memory: 96M } } }
    restart: unless-stopped
    stop_grace_period: 3s
secrets:
  token: { environment: TOKEN }
networks:
  backend: { external: true }
`

const cacheCompose = `services:
  cache:
    image: \${BUSYBOX_IMAGE}
    command: [sh, -c, "echo up >> /data/starts; exec httpd -f -p 8000 -h /data"]
    volumes: ["data:/data"]
    networks: [backend]
    healthcheck: { test: [CMD, wget, -q, -O, /dev/null, "http://127.0.0.1:8000/starts"], interval: 1s, timeout: 3s, retries: 5 }
    restart: unless-stopped
    stop_grace_period: 1s
volumes:
  data:
networks:
  backend: { external: true }
`

const jobCompose = `services:
  job:
    image: \${BUSYBOX_IMAGE}
    command: [sh, -c, "wget -q -O - http://cache:8000/starts && echo done"]
    networks: [backend]
networks:
  backend: { external: true }
`

const postgresCompose = `services:
  postgres:
    image: \${POSTGRES_IMAGE}
    environment:
      POSTGRES_DB: shop
      POSTGRES_USER: shop
      POSTGRES_PASSWORD_FILE: /run/secrets/password
    secrets: [password]
    volumes: ["data:/var/lib/postgresql/data"]
    networks: [backend]
    healthcheck: { test: [CMD, pg_isready, -q, -h, 127.0.0.1, -U, shop], interval: 1s, timeout: 3s, retries: 30 }
    restart: unless-stopped
secrets:
  password: { environment: POSTGRES_PASSWORD }
volumes:
  data:
networks:
  backend: { external: true }
`

const proxyCompose = `services:
  proxy:
    image: \${PROXY_IMAGE}
    volumes: ["./nginx.conf:/etc/nginx/nginx.conf:ro"]
    networks: [backend]
    tmpfs: [/tmp]
    read_only: true
    restart: unless-stopped
networks:
  backend: { external: true }
`

const proxyConfiguration = `pid /tmp/nginx.pid;
error_log /dev/stderr warn;
events { worker_connections 1024; }
http {
  client_body_temp_path /tmp/client;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  access_log off;
  resolver 127.0.0.11 valid=1s;
  include /tmp/routes/*.upstream;
  server {
    listen 8080;
    location = /proxy { return 200 "ok"; }
    location / {
      set $route web:8080;
      include /tmp/routes/web.location*;
      proxy_pass http://$route;
    }
  }
}
`

const files = (
  port: number,
  { services = ['cache', 'job'], database, hooks, keep, health, overlap }: DockerWorldOptions,
) => {
  const needs = [...services.filter((one) => one === 'cache'), ...(database ? ['postgres'] : [])]
  const own: Record<string, string> = {
    'config/services/web.yaml': `name: web
category: applications
dependencies: [${needs.join(', ')}]
docker:
  path: infrastructure/docker/applications/web
  networks: [backend]
  ports: [{ name: http, container: 8080${overlap ? '' : `, host: ${port}`} }]
${overlap ? 'rollout: overlap\n' : ''}configuration:
  environment_variables: { RELEASE: "\${release}", GREETING: "\${GREETING}" }
  secrets: [TOKEN]
health:
  probes: [{ type: http, path: /readyz, timeout: 2s }]
  ${health ?? 'interval: 200ms\n  passes: 2\n  deadline: 40s'}
`,
    'infrastructure/docker/applications/web/compose.yaml': webCompose,
    'infrastructure/docker/applications/web/server.js': server,
    'config/environments/dev.yaml': `name: dev
platform: docker
${database ? 'database: { service: postgres }\n' : ''}deploy: { keep: ${keep ?? 5}, hooks: ${hooks ?? '{}'} }
`,
  }
  if (overlap) {
    own['config/services/proxy.yaml'] = `name: proxy
category: infrastructure
docker:
  path: infrastructure/docker/infrastructure/proxy
  dependencies: [web]
  networks: [backend]
  ports: [{ name: http, container: 8080, host: ${port} }]
  proxy: { adapter: nginx, routes: [{ service: web }] }
health: { probes: [{ type: http, path: /proxy }], interval: 200ms, passes: 1, deadline: 40s }
`
    own['infrastructure/docker/infrastructure/proxy/compose.yaml'] = proxyCompose
    own['infrastructure/docker/infrastructure/proxy/nginx.conf'] = proxyConfiguration
  }
  if (services.includes('cache')) {
    own['config/services/cache.yaml'] = `name: cache
category: storage
docker: { path: infrastructure/docker/storage/cache, networks: [backend], ports: [{ container: 8000 }] }
health: { interval: 200ms, passes: 1, deadline: 40s }
`
    own['infrastructure/docker/storage/cache/compose.yaml'] = cacheCompose
  }
  if (services.includes('job')) {
    own['config/services/job.yaml'] = `name: job
category: utilities
dependencies: [cache]
docker: { path: infrastructure/docker/utilities/job, networks: [backend], oneShot: true }
health: { deadline: 40s }
`
    own['infrastructure/docker/utilities/job/compose.yaml'] = jobCompose
  }
  if (database) {
    own['config/services/postgres.yaml'] = `name: postgres
category: databases
docker: { path: infrastructure/docker/databases/postgres, networks: [backend], ports: [{ name: sql, container: 5432 }] }
database: { name: shop, user: shop, password: POSTGRES_PASSWORD }
configuration: { secrets: [POSTGRES_PASSWORD] }
health: { probes: [{ type: postgres }], interval: 200ms, passes: 1, deadline: 60s }
`
    own['infrastructure/docker/databases/postgres/compose.yaml'] = postgresCompose
    own['database/migrations/001_create.sql'] =
      '-- migrate:up\ncreate table hits (n int);\n-- migrate:down\ndrop table hits;\n'
  }
  return own
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
    node(on),
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
  for (const [path, text] of Object.entries(files(port, options))) await write(path, text)
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
