/**
 * Images for tests, which reach no registry: this machine's programs with the libraries that they are linked to, on a layer with busybox. They
 * behave as the public images that the example's Compose files name.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Engine } from '../support/docker.ts'
import { repository } from '../support/folders.ts'
import { skip } from '../support/session.ts'
import { load } from './archive.ts'
import type { Extra, LayerContent } from './layer.ts'

const path = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'
const users = { root: 0, postgres: 70, nginx: 101, redis: 999, node: 1000, nobody: 65534 }

/** A shell and the usual small programs (`sh`, `wget`, `nc`, `httpd`, `sleep` …), about 3 MB; runs `sh`. Every image has them. */
export const busybox = (engine: Engine): Promise<string> =>
  load(engine, { name: 'busybox', layers: [base()], settings: { Env: [`PATH=${path}`], Cmd: ['sh'] } })

/** Node as it runs the tests; runs `node` as the user `node` (1000). */
export const node = (engine: Engine): Promise<string> => load(engine, nodeImage())

/**
 * Node with the packages that the example's services are built with, where their Dockerfiles install them: a registry cannot be reached, so that
 * `npm install` there finds everything done. Stands in for `node:22-alpine`.
 */
export const nodeForBuilds = (engine: Engine): Promise<string> => {
  const { layers, settings } = nodeImage()
  const modules = join(repository, 'node_modules')
  const files = packagesOf(['esbuild', 'pg']).flatMap((name) => below(join(modules, name)))
  const elsewhere = Object.fromEntries(
    files.map((file) => [`/workspace/node_modules${file.slice(modules.length)}`, file]),
  )
  const npm = { text: '#!/bin/sh\necho "all packages are here"\n', mode: 0o755 }
  return load(engine, {
    name: 'node-for-builds',
    layers: [...layers, { programs: [], elsewhere, extra: { '/usr/bin/npm': npm } }],
    settings: { ...settings, User: '' },
  })
}

/** Packages and all that they depend on. */
function packagesOf(names: readonly string[]): string[] {
  const found = new Set<string>()
  const visit = (name: string) => {
    const file = join(repository, 'node_modules', name, 'package.json')
    if (found.has(name) || !existsSync(file)) return
    found.add(name)
    const { dependencies = {}, optionalDependencies = {} } = JSON.parse(readFileSync(file, 'utf8'))
    for (const needed of Object.keys({ ...dependencies, ...optionalDependencies })) visit(needed)
  }
  names.forEach(visit)
  return [...found]
}

/**
 * A service of the example (`api`, `worker`), built as its Dockerfile does.
 *
 * @param options.revision is in the image, so that another one is another image
 * @param options.folder the service's folder when it is not the example's
 */
export async function application(
  engine: Engine,
  name: 'api' | 'worker',
  options: { revision?: string; folder?: string } = {},
): Promise<string> {
  const folder = options.folder ?? join(repository, 'example', 'services', name)
  execFileSync(process.execPath, ['build.js'], { cwd: folder })
  const port = name === 'api' ? 8080 : 8081
  const { layers, settings } = nodeImage()
  const dist = join(folder, 'dist')
  const extra: Record<string, Extra> = {}
  for (const file of readdirSync(dist)) extra[`/app/dist/${file}`] = { text: readFileSync(join(dist, file), 'utf8') }
  const revision = options.revision ?? ''
  return load(engine, {
    name,
    passing: true,
    layers: [...layers, { programs: [], extra }],
    settings: {
      ...settings,
      Env: [`PATH=${path}`, 'NODE_ENV=production', 'HOST=0.0.0.0', `PORT=${port}`, 'RELEASE=', `REVISION=${revision}`],
      WorkingDir: '/app',
      ExposedPorts: { [`${port}/tcp`]: {} },
      Labels: {
        'org.opencontainers.image.title': `endpoint-statistics ${name}`,
        'org.opencontainers.image.revision': revision,
      },
      // Nanoseconds. Shorter than the Dockerfile's, for tests wait for it.
      Healthcheck: {
        Test: ['CMD', 'wget', '-q', '--spider', `http://127.0.0.1:${port}/healthz`],
        Interval: 1_000_000_000,
        Timeout: 5_000_000_000,
        StartPeriod: 30_000_000_000,
        Retries: 3,
      },
      Cmd: ['node', 'dist/main.js'],
    },
  })
}

/** PostgreSQL 15 with the official image's entry point. */
export async function postgres(engine: Engine): Promise<string> {
  const home = '/usr/lib/postgresql/15'
  need(`${home}/bin/postgres`, 'postgresql-15')
  const libraries = readdirSync(`${home}/lib`)
    // Just-in-time compilation and other languages' procedures want libraries of their own, and the server goes without.
    .filter(
      (file) => file.endsWith('.so') && !/^(?:llvmjit|pl(?:perl|python|tcl)|.*_pl(?:perl|python)|jsonb_pl)/.test(file),
    )
    .map((file) => `${home}/lib/${file}`)
  const entrypoint = readFileSync(join(repository, 'test', 'images', 'postgres-entrypoint.sh'), 'utf8')
  const layer: LayerContent = {
    programs: [
      ...readdirSync(`${home}/bin`)
        .map((file) => `${home}/bin/${file}`)
        .filter(isElf),
      ...libraries,
      '/usr/bin/setpriv',
    ],
    files: [
      ...below('/usr/share/postgresql/15'),
      ...below('/usr/share/zoneinfo/Etc'),
      ...below('/usr/lib/locale/C.utf8'),
    ],
    extra: {
      '/usr/local/bin/docker-entrypoint.sh': { text: entrypoint, mode: 0o755 },
      '/docker-entrypoint-initdb.d': { folder: true },
      '/var/run/postgresql': { folder: true, owner: users.postgres, mode: 0o775 },
      '/var/lib/postgresql/data': { folder: true, owner: users.postgres, mode: 0o700 },
    },
  }
  return load(engine, {
    name: 'postgres',
    layers: [base(), layer],
    settings: {
      Env: [`PATH=${home}/bin:${path}`, 'LANG=C.UTF-8', 'PG_MAJOR=15', 'PGDATA=/var/lib/postgresql/data'],
      Entrypoint: ['docker-entrypoint.sh'],
      Cmd: ['postgres'],
      ExposedPorts: { '5432/tcp': {} },
      Volumes: { '/var/lib/postgresql/data': {} },
      StopSignal: 'SIGINT',
    },
  })
}

/** Redis: the server and `redis-cli`; the user `redis` is 999. */
export async function redis(engine: Engine): Promise<string> {
  need('/usr/bin/redis-server', 'redis-server')
  return load(engine, {
    name: 'redis',
    layers: [
      base(),
      {
        programs: ['/usr/bin/redis-server', '/usr/bin/redis-cli'],
        extra: { '/data': { folder: true, owner: users.redis } },
      },
    ],
    settings: { Env: [`PATH=${path}`], WorkingDir: '/data', Cmd: ['redis-server'], ExposedPorts: { '6379/tcp': {} } },
  })
}

/** nginx without root, on port 8080; a configuration is mounted to /etc/nginx/nginx.conf. */
export async function nginx(engine: Engine): Promise<string> {
  need('/usr/sbin/nginx', 'nginx')
  return load(engine, {
    name: 'nginx',
    layers: [
      base(),
      {
        programs: ['/usr/sbin/nginx'],
        files: ['/etc/nginx/mime.types'],
        extra: {
          '/var/log/nginx': { folder: true, owner: users.nginx },
          '/var/lib/nginx': { folder: true, owner: users.nginx },
        },
      },
    ],
    settings: {
      Env: [`PATH=${path}`],
      User: '101',
      Cmd: ['nginx', '-g', 'daemon off;'],
      ExposedPorts: { '8080/tcp': {} },
      StopSignal: 'SIGQUIT',
    },
  })
}

/** Prometheus, as prom/prometheus: `command` is its arguments. */
export async function prometheus(engine: Engine): Promise<string> {
  need('/usr/bin/prometheus', 'prometheus')
  return load(engine, monitoring('prometheus', '/usr/bin/prometheus', '/prometheus', 9090))
}

/** Alertmanager, as prom/alertmanager: `command` is its arguments. */
export async function alertmanager(engine: Engine): Promise<string> {
  need('/usr/bin/prometheus-alertmanager', 'prometheus-alertmanager')
  return load(engine, monitoring('alertmanager', '/usr/bin/prometheus-alertmanager', '/alertmanager', 9093))
}

const monitoring = (name: string, program: string, data: string, port: number) => ({
  name,
  layers: [
    base(),
    {
      programs: [program],
      files: below(`/usr/share/prometheus/${name}`),
      extra: { [data]: { folder: true as const, owner: users.nobody } },
    },
  ],
  settings: {
    Env: [`PATH=${path}`],
    User: 'nobody',
    WorkingDir: data,
    Entrypoint: [program],
    ExposedPorts: { [`${port}/tcp`]: {} },
    Volumes: { [data]: {} },
  },
})

const nodeImage = () => ({
  name: 'node',
  layers: [
    base(),
    {
      programs: [process.execPath],
      extra: process.execPath === '/usr/bin/node' ? {} : { '/usr/bin/node': { link: process.execPath } },
    },
  ],
  settings: { Env: [`PATH=${path}`], User: 'node', Cmd: ['node'] },
})

function base(): LayerContent {
  need('/usr/bin/busybox', 'busybox')
  const applets = execFileSync('/usr/bin/busybox', ['--list'], { encoding: 'utf8' }).split('\n').filter(Boolean)
  const extra: Record<string, Extra> = {}
  // Where a later layer brings the real one, that one is taken.
  for (const applet of applets)
    if (applet !== 'busybox' && applet !== 'setpriv') extra[`/usr/bin/${applet}`] = { link: '/usr/bin/busybox' }
  const entries = Object.entries(users)
  extra['/etc/passwd'] = { text: `${entries.map(([name, id]) => `${name}:x:${id}:${id}::/tmp:/bin/sh`).join('\n')}\n` }
  extra['/etc/group'] = { text: `${entries.map(([name, id]) => `${name}:x:${id}:`).join('\n')}\n` }
  extra['/tmp'] = { folder: true, mode: 0o1777 }
  extra['/run'] = { folder: true }
  extra['/var/run'] = { link: '/run' }
  return { programs: ['/usr/bin/busybox'], extra }
}

function need(file: string, debianPackage: string): void {
  if (!existsSync(file)) skip(`${debianPackage} is not installed`)
}

/** All files below a folder. */
function below(folder: string): string[] {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => join(folder, file))
    .filter((file) => statSync(file, { throwIfNoEntry: false })?.isFile())
    .sort()
}

const isElf = (file: string): boolean => readFileSync(file).subarray(1, 4).toString() === 'ELF'
