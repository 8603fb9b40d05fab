import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { limitSlots, observeWal, unlimitSlots } from '../../lib/backup/wal/slot.ts'
import { startServer, type TestServer } from '../database/support/server.ts'
import { until } from '../support/index.ts'

const megabyte = 1024 * 1024
let server: TestServer
test.before(async () => {
  server = await startServer()
})
test.after(() => server?.dispose())

/** A server takes its settings over soon, not at once. */
const becomes = (bytes: number) =>
  until(async () => (await server.connect((session) => observeWal(session))).limitBytes === bytes, {
    what: `a limit of ${bytes}`,
  })
const limit = (bytes: number) => server.connect((session) => limitSlots(session, bytes))
const unlimit = () => server.connect((session) => unlimitSlots(session))

test('where nothing was set before, nothing is afterwards', async () => {
  assert.is(await unlimit(), false)
  await limit(64 * megabyte)
  await becomes(64 * megabyte)
  // The policy has changed meanwhile.
  await limit(32 * megabyte)
  await becomes(32 * megabyte)
  assert.is(await unlimit(), true)
  await becomes(-1)
  assert.is(await unlimit(), false)
})

test('a limit that the owner has set comes back', async () => {
  await server.query(`alter system set max_slot_wal_keep_size = '1GB'`)
  await server.query('select pg_reload_conf()')
  await becomes(1024 * megabyte)
  await limit(64 * megabyte)
  await becomes(64 * megabyte)
  assert.is(await unlimit(), true)
  await becomes(1024 * megabyte)
})

test('a limit that the owner has set since stays', async () => {
  await limit(64 * megabyte)
  await becomes(64 * megabyte)
  await server.query(`alter system set max_slot_wal_keep_size = '16MB'`)
  await server.query('select pg_reload_conf()')
  assert.is(await unlimit(), false)
  await becomes(16 * megabyte)
  assert.equal(await server.query('select setconfig from pg_db_role_setting'), [])
})

test.run()
