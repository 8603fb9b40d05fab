/** Connections into a container by `docker exec`, as they go where the engine is on another machine: here a whole dump, byte for byte. */
import { createHash, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { clientFor } from '../../../lib/backup/clients.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import { dockerEngine } from '../../../lib/platform/docker/engine.ts'
import { openRelay } from '../../../lib/platform/docker/relay.ts'
import { postgres } from '../../images/index.ts'
import { engine } from '../../support/docker.ts'
import { note, run, timeLimit, until } from '../../support/index.ts'

timeLimit(240_000)
const { host, docker, try: attempt } = await engine()
const name = `vor-${randomBytes(4).toString('hex')}`

test.before(async () => {
  const image = await postgres({ host, docker, try: attempt, env: { DOCKER_HOST: host } })
  await docker(['run', '--detach', '--name', name, '--env', 'POSTGRES_PASSWORD=secret', image])
  const ready = ['exec', name, 'pg_isready', '-q', '-h', '127.0.0.1', '-U', 'postgres']
  await until(async () => (await attempt(ready)).status === 0, { what: 'PostgreSQL', deadline: 90_000, every: 500 })
})
test.after(async () => void (await attempt(['rm', '--force', '--volumes', name])))

const sql = (text: string) => docker(['exec', name, 'psql', '-h', '127.0.0.1', '-U', 'postgres', '-Atc', text])

test('a dump of 20 MB goes through it whole, beside other connections, and ends with its server’s end', async () => {
  await sql("create table t as select n, md5(n::text) || repeat('x', 160) as text from generate_series(1, 100000) n")
  const major = Number(await sql("select current_setting('server_version_num')::int / 10000"))
  const { bin } = unwrap(await clientFor(major))
  const relay = unwrap(await openRelay(dockerEngine({ host }), name, 5432))
  const env = {
    ...{ PGHOST: relay.host, PGPORT: String(relay.port), PGUSER: 'postgres', PGDATABASE: 'postgres' },
    PGPASSWORD: 'secret',
  }
  try {
    const copy = ['-Atc', 'copy t to stdout']
    const [dumps, rows] = await Promise.all([
      Promise.all([1, 2].map(() => run([join(bin, 'pg_dump'), '--data-only', '--table=t'], { env, timeout: 120_000 }))),
      run([join(bin, 'psql'), '--no-psqlrc', ...copy], { env, timeout: 120_000 }),
    ])
    for (const { status, stderr } of [...dumps, rows]) assert.is(status, 0, stderr)
    const digest = createHash('md5').update(rows.stdout).digest('hex')
    assert.is(
      digest,
      createHash('md5')
        .update(`${await sql('copy t to stdout')}\n`)
        .digest('hex'),
    )
    for (const { stdout } of dumps) assert.ok(stdout.includes(rows.stdout))
    note(`${dumps[0]?.stdout.length} bytes in each of two dumps`)
    await docker(['kill', name])
    const gone = await run([join(bin, 'psql'), '--no-psqlrc', ...copy], { env: { ...env, PGCONNECT_TIMEOUT: '60' } })
    assert.not.equal(gone.status, 0)
  } finally {
    await relay.close()
  }
})

test.run()
