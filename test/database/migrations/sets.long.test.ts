import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { withDatabase } from '../../../lib/database/connect.ts'
import { readMigrations } from '../../../lib/database/files.ts'
import { revertMigrations } from '../../../lib/database/migrations/revert.ts'
import { readSchema } from '../../../lib/database/schema/catalogue.ts'
import { ok, unwrap } from '../../../lib/model/failure.ts'
import { note, timeLimit } from '../../support/index.ts'
import { migrationSet } from '../../support/migration-set.mjs'
import { addressOf, impatient, MigrationFolder } from '../support/migrator.ts'
import { startServer, type TestServer } from '../support/server.ts'

timeLimit(5 * 60_000)
let server: TestServer
test.before(async () => {
  server = await startServer()
})
test.after(() => server?.dispose())

const count = 160
for (const layout of ['dbmate', 'golang-migrate'] as const) {
  test(`${count} migrations in ${layout}'s layout: up, all down again, up: the same schema`, async () => {
    const folder = await MigrationFolder.make(server)
    const files = migrationSet(layout, count)
    folder.write(files)
    const schema = async () =>
      unwrap(await withDatabase(addressOf(folder.target), async (connection) => ok(await readSchema(connection))))
    const empty = await schema()
    assert.is(unwrap(await folder.up()).length, count)
    const full = await schema()
    const known = unwrap(await readMigrations(folder.root, 'migrations')).reverse()
    const undone = await withDatabase(addressOf(folder.target), (connection) =>
      revertMigrations(connection, known, { root: folder.root, output: () => {}, patience: impatient }),
    )
    assert.is(unwrap(undone).length, count)
    const ledger = new Set(['schema vital_ops'])
    assert.equal(
      (await schema()).objects.filter((object) => !ledger.has(object)),
      empty.objects,
    )
    assert.is(unwrap(await folder.up()).length, count)
    assert.is((await schema()).sha256, full.sha256)
    note(`${layout}: ${Object.keys(files).length} files, ${full.objects.length} objects`)
  })
}

test.run()
