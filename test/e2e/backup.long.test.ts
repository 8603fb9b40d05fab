import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { makeIdentity } from '../../lib/backup/age.ts'
import { withDatabase } from '../../lib/database/connect.ts'
import { ok, unwrap } from '../../lib/model/failure.ts'
import { Secret } from '../../lib/model/secret.ts'
import { repository, skip, timeLimit } from '../support/index.ts'
import { expectExit, writeSecrets } from './deploys.ts'
import { databasePassword, makeWorld, queryIn, systemPostgres, type World, withKnownDatabase } from './world.ts'

timeLimit(280_000)

const engines = [
  { name: 'embedded server, physical', local: '', method: 'physical' },
  { name: 'PostgreSQL 15 of the system, logical', local: systemPostgres, method: 'logical' },
] as const

for (const { name, local, method } of engines) {
  const test = suite(`${name}: `)
  let world: World
  let keys: { one: string; recipients: string }

  const query = (sql: string) => queryIn(world, sql)
  const count = async () => (await query('select count(*)::int as n, sum(n)::int as sum from hits'))[0]

  test.before(async () => {
    if (method === 'logical' && !existsSync('/usr/lib/postgresql/15/bin/postgres'))
      skip('PostgreSQL 15 is not installed')
    world = await makeWorld()
    await withKnownDatabase(world, local)
    const [one, two] = await Promise.all([makeIdentity(), makeIdentity()])
    keys = { one: join(world.folder, '../key-one'), recipients: `${one.recipient}, ${two.recipient}` }
    writeFileSync(keys.one, `${one.identity}\n`, { mode: 0o600 })
    await policy(`recipients: [${keys.recipients}]`)
    await expectExit(0, world, ['setup', 'dev'])
  })
  test.after(() => world?.end())

  const resultOf = async <T>(args: string[]) => (await world.json<{ result: T }>(args)).result
  const policy = (lines: string) =>
    world.write(
      'config/environments/dev.yaml',
      `name: dev\nplatform: local\ndatabase: { service: postgres }\nbackup:\n  targets: [{ type: folder, path: ../kept }]\n  keep: { last: 2 }\n  ${lines}\n`,
    )

  test('a backup is taken, and is not verified before a drill', async () => {
    const text = await expectExit(0, world, ['backup', 'dev'])
    assert.match(text, `back up postgres (${method}) to ../kept, for 2 keys`)
    assert.match(await expectExit(0, world, ['backups']), 'not verified')
    assert.match(await expectExit(1, world, ['backup', 'check']), 'no backup of dev was ever verified')
    assert.match(await expectExit(3, world, ['backup', 'drill']), 'no private key was named')
    assert.match(await expectExit(0, world, ['backup', 'drill', '--identity', keys.one]), 'verified: ')
    assert.match(await expectExit(0, world, ['backups']), 'the newest verified one')
    assert.match(await expectExit(0, world, ['backup', 'check']), '1 backup is whole; backup 1 is verified')
    const shown = await resultOf<{ verified: boolean; drills: { compared: { tables: number } }[] }>([
      'backups',
      'show',
      '1',
    ])
    assert.is(shown.verified, true)
    assert.ok((shown.drills[0]?.compared.tables ?? 0) >= 3)
  })

  test('what was lost comes back by a restore, and what was there is backed up first and kept', async () => {
    const before = await count()
    await query('delete from hits; insert into hits values (99)')
    const lost = await count()
    assert.not.equal(lost, before)
    await expectExit(3, world, ['restore', 'dev', '--identity', keys.one])
    assert.equal(await count(), lost)
    const text = await expectExit(0, world, ['restore', 'dev', '--identity', keys.one, '--yes'])
    assert.match(text, 'before the restore')
    assert.match(text, 'verified by a drill on')
    assert.equal(await count(), before)
    // The services go on with what was restored.
    await expectExit(0, world, ['health-check'])
    await expectExit(0, world, ['restore', 'dev', '--backup', '2', '--identity', keys.one, '--yes'])
    assert.equal(await count(), lost)
    await expectExit(0, world, ['restore', 'dev', '--backup', '1', '--identity', keys.one, '--yes'])
    assert.equal(await count(), before)
  })

  test('the policy removes what it does not keep, and never the newest verified one', async () => {
    for (let round = 0; round < 3; round++) await expectExit(0, world, ['backup', 'dev'])
    const { backups } = await resultOf<{ backups: { number: number; state: string }[] }>(['backups'])
    assert.equal(
      backups.map(({ state }) => state),
      ['verified', 'not verified', 'not verified'],
    )
    assert.is(backups[0]?.number, 1)
  })

  test('a bare machine: only the repository, the target and a key, as the runbook says', async () => {
    const fresh = await makeWorld()
    try {
      const paths = ['config/services/postgres.yaml', 'config/environments/dev.yaml']
      for (const path of paths) {
        const text = readFileSync(join(world.folder, path), 'utf8')
        const here = text.replace(String(world.ports.postgres), String(fresh.ports.postgres))
        await fresh.write(path, here.replace('../kept', join(world.folder, '../kept')))
      }
      // Passwords are made anew there.
      await writeSecrets(fresh, 'dev', { POSTGRES_PASSWORD: `${databasePassword}-2`, GREETING: 'hello' })
      const runbook = readFileSync(join(repository, 'example/docs/runbooks/disaster-recovery.md'), 'utf8')
      const commands = [...runbook.matchAll(/^task ([^#\n]*[^#\s])/gm)].map(([, words = '']) =>
        words.replaceAll('<environment>', 'dev').replaceAll('<key>', keys.one).split(' '),
      )
      assert.ok(commands.length >= 8, `${commands.length} commands in the runbook`)
      await expectExit(0, fresh, ['setup', 'dev'])
      for (const words of commands) await expectExit(0, fresh, words)
      const { rows } = unwrap(
        await withDatabase(
          {
            host: '127.0.0.1',
            port: fresh.ports.postgres,
            database: 'shop',
            user: 'shop',
            password: new Secret('x', `${databasePassword}-2`),
            applicationName: 'test',
          },
          async (connection) => ok(await connection.query('select count(*)::int as n, sum(n)::int as sum from hits')),
        ),
      )
      assert.equal(rows, [{ n: 2, sum: 3 }])
    } finally {
      await fresh.end()
    }
  })

  test('one key alone is refused, unless it is said aloud', async () => {
    const [only] = keys.recipients.split(', ')
    await policy(`recipients: [${only}]`)
    assert.match(await expectExit(3, world, ['backup', 'dev']), 'for a single key')
    await policy(`recipients: [${only}]\n  recoveryKey: false`)
    assert.match(await expectExit(0, world, ['backup', 'dev']), 'one key opens the backups')
  })

  test('a damaged file is found by check, and a restore from it changes nothing', async () => {
    await policy(`recipients: [${keys.recipients}]`)
    await expectExit(0, world, ['backup', 'dev'])
    const { backups } = await resultOf<{ backups: { number: number }[] }>(['backups'])
    const newest = backups.at(-1)?.number ?? 0
    const { manifest } = await resultOf<{ manifest: { files: { name: string }[] } }>([
      'backups',
      'show',
      String(newest),
    ])
    const folder = join(world.folder, '../kept/shop0000test/dev', String(newest).padStart(6, '0'))
    const { readFile } = await import('node:fs/promises')
    const file = join(folder, manifest.files[0]?.name ?? '')
    const bytes = await readFile(file)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] as number) ^ 1
    writeFileSync(file, bytes)
    assert.match(await expectExit(1, world, ['backup', 'check']), 'is damaged')
    const before = await count()
    const args = ['restore', 'dev', '--identity', keys.one, '--yes', '--no-safety-backup']
    assert.match(await expectExit(3, world, args), 'is damaged')
    assert.equal(await count(), before)
  })

  if (method === 'logical') {
    test('into another database, and single tables of it', async () => {
      const args = ['restore', 'dev', '--backup', '1', '--identity', keys.one, '--into', 'beside']
      await expectExit(0, world, args)
      assert.match(await expectExit(3, world, args), 'there is a database beside already')
      await expectExit(2, world, ['restore', 'dev', '--backup', '1', '--identity', keys.one, '--tables', 'public.hits'])
      const some = [...args.slice(0, -1), 'some', '--tables', 'public.hits']
      assert.match(await expectExit(0, world, some), '1 tables restored into some and compared')
    })
  }
  test.run()
}
