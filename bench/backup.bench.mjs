// @ts-check
/** How long a backup, a drill and a restore of a PostgreSQL database of 158 MB take, against pg_dump and pg_restore of the same. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { cleanEnvironment, compare, ratio } from './support/measure.mjs'

const bin = '/usr/lib/postgresql/15/bin'
const plain = 'pg_dump -Fp > /dev/null'
const custom = 'pg_dump -Fc'
const backup = 'task backup, encrypted'
const drill = 'task backup drill'
const restore = 'task restore --into'
const reference = 'pg_restore -j2'

/** @type {import('./run.mjs').Part} */
export default {
  order: 90,
  async run({ folder, task, repository }) {
    if (!existsSync(`${bin}/postgres`)) return []
    const port = String(await freePort())
    const { generateIdentity, identityToRecipient } = await import('age-encryption')
    const keys = [await generateIdentity(), await generateIdentity()]
    const recipients = await Promise.all(keys.map((key) => identityToRecipient(key)))
    chmodSync(folder, 0o711)
    const workspace = join(folder, 'stats')
    const data = join(folder, 'data')
    makeWorkspace(workspace, repository, recipients, port)
    writeFileSync(join(folder, 'key'), `${keys[0]}\n`, { mode: 0o600 })
    const ops = { OPS_DATA_ROOT: data }
    const ours = (/** @type {string[]} */ ...words) =>
      execFileSync(process.execPath, [task, ...words], { cwd: workspace, env: cleanEnvironment(ops), stdio: 'pipe' })
    ours('setup', 'dev')
    try {
      const [file = ''] = readdirSync(data, { recursive: true, encoding: 'utf8' }).filter((name) =>
        name.endsWith('.admin'),
      )
      const password = execFileSync('cat', [join(data, file)], { encoding: 'utf8' }).trim()
      const server = {
        PGHOST: '127.0.0.1',
        PGPORT: port,
        PGUSER: 'postgres',
        PGPASSWORD: password,
        PGDATABASE: 'stats',
      }
      const psql = (/** @type {string} */ sql) =>
        execFileSync(`${bin}/psql`, ['-qXv', 'ON_ERROR_STOP=1', '-c', sql], {
          env: { ...process.env, ...server },
          stdio: 'pipe',
        })
      for (const statement of realistic) psql(statement)
      const dump = join(folder, 'reference.dump')
      let into = 0
      const identity = ['--identity', join(folder, 'key')]
      const cases = /** @type {import('./support/measure.mjs').Case[]} */ ([
        { name: plain, argv: [`${bin}/pg_dump`, '-Fp', '-f', '/dev/null'], env: server },
        { name: custom, argv: [`${bin}/pg_dump`, '-Fc', '-f', dump], env: server },
        { name: backup, argv: [process.execPath, task, 'backup', 'dev'], cwd: workspace, env: ops },
        {
          name: drill,
          argv: [process.execPath, task, 'backup', 'drill', 'dev', ...identity],
          cwd: workspace,
          env: ops,
        },
        {
          name: reference,
          argv: [`${bin}/pg_restore`, '-j2', '-d', 'again', dump],
          env: server,
          before: () => {
            psql('drop database if exists again')
            psql('create database again template template0')
          },
        },
        {
          name: restore,
          argv: [process.execPath, task, 'restore', 'dev', '--into', 'beside', ...identity],
          cwd: workspace,
          env: ops,
          before: () => {
            if (into++ > 0) psql('drop database if exists beside')
          },
        },
      ])
      return [
        compare('backup, drill and restore of a PostgreSQL 15 database, its dump 158 MB', cases, {
          // Each takes seconds, and what a round compares it does one after the other.
          rounds: 5,
          fewest: 5,
          claims: [
            ratio(backup, plain, 2.6),
            ratio(backup, custom, 0.5),
            {
              text: `${backup} and ${drill} ÷ ${plain}`,
              value: (ms) => (ms(backup) + ms(drill)) / ms(plain),
              atMost: 6,
            },
            ratio(restore, reference, 1.15),
          ],
        }),
      ]
    } finally {
      ours('services', 'down')
    }
  },
}

/** Rows as an application has them, of many kinds: gzip makes a quarter of them, as of dumps that people have. */
const realistic = [
  `create table customers (id bigint primary key, name text not null, email text not null, city text, created timestamptz not null, active boolean not null)`,
  `insert into customers select i, (array['Anna','Bert','Carla','David','Eva','Farid','Greta','Hugo'])[1+i%8]||' '||(array['Müller','Smith','Rossi','Novak','Garcia','Kim'])[1+(i*7)%6],
    'user'||i||'@example.'||(array['org','com','net'])[1+i%3], (array['Berlin','Lyon','Porto','Oslo','Graz'])[1+(i*13)%5], timestamptz '2024-01-01'+(i*317||' seconds')::interval, i%11<>0 from generate_series(1,150000) i`,
  `create table events (id bigint generated always as identity primary key, customer bigint references customers, at timestamptz not null, path text not null, status smallint not null, ms real, agent text, doc jsonb, amount numeric(10,2))`,
  `select setseed(0.5); insert into events (customer, at, path, status, ms, agent, doc, amount)
   select 1+(random()*149999)::int, timestamptz '2026-01-01'+(i*13||' seconds')::interval, (array['/','/login','/api/v1/items/','/api/v1/orders/','/assets/app.js'])[1+(random()*4)::int]||(random()*9999)::int,
    (array[200,200,200,304,404,500])[1+(random()*5)::int], (random()*900)::real,
    (array['Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36','Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Mobile Safari/604.1','curl/8.5.0','Googlebot/2.1 (+http://www.google.com/bot.html)'])[1+(random()*3)::int],
    jsonb_build_object('ref', md5(random()::text), 'items', (random()*20)::int, 'tags', jsonb_build_array((random()*100)::int, 'x')), round((random()*500)::numeric,2) from generate_series(1,700000) i`,
  `create index on events (customer)`,
  `create index on events (at)`,
  `analyze`,
]

/** A TCP port that nobody listens on. @returns {Promise<number>} */
const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
      server.close(() => resolve(port))
    })
  })

/** @param {string} workspace @param {string} repository @param {string[]} recipients @param {string} port */
function makeWorkspace(workspace, repository, recipients, port) {
  const files = {
    'Taskfile.ts': `import { operations } from 'vital-ops/operations'\nexport default operations()\n`,
    'package.json': '{ "name": "stats", "private": true, "type": "module" }\n',
    'config/workspace.yaml': 'name: stats\nid: stats0000bench\n',
    'config/environments/.env.dev.example': 'POSTGRES_PASSWORD= # generate: 24\n',
    'config/environments/dev.yaml': `name: dev\nplatform: local\ndatabase: { service: postgres }\nbackup:\n  recipients: [${recipients.join(', ')}]\n  keep: { last: 2 }\n`,
    'config/services/postgres.yaml': `name: postgres\ncategory: databases\nlocal:\n  engine: postgres\n  version: 15\n  prefer: system\n  ports: { sql: ${port} }\ndatabase: { name: stats, user: stats, password: POSTGRES_PASSWORD }\nconfiguration:\n  secrets: [POSTGRES_PASSWORD]\nhealth:\n  probes: [{ type: postgres }]\n  interval: 100ms\n  passes: 1\n  deadline: 60s\n`,
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(workspace, path, '..'), { recursive: true })
    writeFileSync(join(workspace, path), text)
  }
  mkdirSync(join(workspace, 'node_modules'))
  symlinkSync(repository, join(workspace, 'node_modules/vital-ops'))
}
