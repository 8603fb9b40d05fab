/**
 * The small workspace on a cluster with a database in it: `db`, a PostgreSQL that a real server of this machine plays, or on a real cluster the image
 * that VITAL_OPS_TEST_POSTGRES_IMAGE names (skipped where it names none). It is reached through `kubectl port-forward` alone.
 */
import { existsSync } from 'node:fs'
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import { startServer, type TestServer, testEngine } from '../database/support/server.ts'
import { type Ended, processesWith, skip, until } from '../support/index.ts'
import { isReal, type KubernetesWorld, type KubernetesWorldOptions, makeKubernetesWorld } from './kubernetes-world.ts'

/** The workspace, and the server that plays its database's pod. */
export type DatabaseWorld = KubernetesWorld & {
  /** Undefined on a real cluster. */
  server: TestServer | undefined
  /** How many rows `hits` has, and their sum, by a query through the command. */
  hits(): Promise<{ count: number; sum: number }>
  /** Runs a statement in the database, not by the way that is tested; gives the first column of its first row. */
  sql(text: string): Promise<string>
  /** The processes of kubectl that forward ports for this world now. */
  forwards(): Promise<number[]>
  /** Runs a command, and kills what forwards its port once a statement says `t`. */
  cutWhen(args: readonly string[], statement: string): Promise<Ended>
}

const realImage = process.env.VITAL_OPS_TEST_POSTGRES_IMAGE

/** The password of the database's user: what no output may hold. */
export const databasePassword = 'correct-horse-battery'

/** Makes the workspace. `environment`: what its file says besides. */
export async function makeDatabaseWorld(
  environment = '',
  options: KubernetesWorldOptions = {},
): Promise<DatabaseWorld> {
  if (isReal && realImage === undefined) skip('VITAL_OPS_TEST_POSTGRES_IMAGE names no image of PostgreSQL')
  const server = isReal ? undefined : await ownServer()
  const image = realImage ?? 'registry.local/postgres:17'
  const world = await makeKubernetesWorld({
    ...options,
    otherImages: [image],
    players: {
      listens: (pod, port) =>
        server && port === 5432 && pod.metadata.labels?.app === 'db'
          ? { host: '127.0.0.1', port: server.port }
          : undefined,
      execs: (_pod, _container, command) => command as [string, ...string[]],
    },
  })
  const configuration = await world.read('config/environments/production.yaml')
  await world.write('config/environments/production.yaml', `${configuration}database: { service: db }\n${environment}`)
  await world.write('config/services/db.yaml', serviceYaml)
  await world.write('k8s/db/db.yaml', manifestYaml(image))
  const api = await world.read('config/services/api.yaml')
  await world.write('config/services/api.yaml', api.replace('dependencies: [store]', 'dependencies: [store, db]'))
  await world.write('database/migrations/20260101000000_create_hits.sql', firstMigration)
  await world.write(
    'database/queries/analytics/hits.sql',
    '-- description: Hits and their sum\nselect count(*)::int as count, coalesce(sum(n), 0)::int as sum from hits;\n',
  )
  await world.write(
    '.env.production',
    `TOKEN=geheimnis-von-heute\nGREETING=hello\nPOSTGRES_PASSWORD=${databasePassword}\n`,
  )
  await chmod(join(world.folder, '.env.production'), 0o600)
  await world.commit('v1')
  const forwards = async () =>
    (await processesWith(world.env.OPS_TEST_WORLD as string))
      .filter(({ command }) => /^\S*kubectl .*port-forward/.test(command))
      .map(({ pid }) => pid)
  const sql = async (text: string): Promise<string> => {
    if (server) return String(Object.values((await server.query(text, [], 'shop'))[0] ?? {})[0])
    return world.kubectl('exec', 'statefulset/db', '--', 'psql', '-At', '-U', 'shop', '-d', 'shop', '-c', text)
  }
  return {
    ...world,
    server,
    sql,
    forwards,
    async hits() {
      const { result } = await world.json<{ result: { rows: [{ count: number; sum: number }] } }>([
        ...['query', 'hits', '-e', 'production'],
      ])
      return result.rows[0]
    },
    async cutWhen(args, statement) {
      const running = world.start(args)
      let ended = false
      void running.ended.then(() => {
        ended = true
      })
      // Looked up first: the moment is short.
      const pids = await until(
        async () => {
          const found = await forwards()
          return ended || found.length > 0 ? found : undefined
        },
        { what: 'a port forward', deadline: 120_000 },
      )
      const isNow = async () => ended || /^t(rue)?$/.test(await sql(statement))
      await until(isNow, { what: statement, deadline: 120_000, every: isReal ? 200 : 10 })
      for (const pid of pids) process.kill(pid, 'SIGKILL')
      return running.ended
    },
    async end() {
      await world.end()
      await server?.dispose()
    },
  }
}

/** A server whose administrator is the service's user, as the image makes it. With the machine's clients where it has them. */
async function ownServer(): Promise<TestServer> {
  const hasClients = existsSync('/usr/lib/postgresql/15/bin/postgres')
  const server = await startServer(hasClients ? await testEngine(15, 'system') : await testEngine())
  await server.query(`create role shop superuser login password '${databasePassword}'`)
  await server.query('create database shop owner shop')
  return server
}

const serviceYaml = `name: db
category: databases
kubernetes:
  namespace: shop
  manifests: [k8s/db]
  settle: 1s
database: { name: shop, user: shop, password: POSTGRES_PASSWORD }
configuration:
  environment_variables: { POSTGRES_USER: shop }
  secrets: [POSTGRES_PASSWORD]
`

const manifestYaml = (image: string) => `apiVersion: v1
kind: Service
metadata: { name: db }
spec: { clusterIP: None, selector: { app: db }, ports: [{ name: postgres, port: 5432 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: db }
spec:
  serviceName: db
  replicas: 1
  selector: { matchLabels: { app: db } }
  template:
    metadata: { labels: { app: db } }
    spec:
      terminationGracePeriodSeconds: 5
      containers:
        - name: db
          image: "${image}"
          readinessProbe:
            exec: { command: [pg_isready, --host=127.0.0.1, --username=shop] }
            periodSeconds: 1
`

const firstMigration = `-- migrate:up
create table hits (n int not null);
insert into hits select generate_series(1, 10);

-- migrate:down
drop table hits;
`
