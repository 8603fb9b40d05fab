import { spawnSync } from 'node:child_process'
import { cpSync, lstatSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findEnginePackage } from '../../../lib/database/engine/package.ts'
import { locateEngine } from '../../../lib/database/engine/postgres.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import { repository, skip, temporaryFolder } from '../../support/index.ts'
import { startServer } from '../support/server.ts'

const variable = 'TEST_ORDINARY_USER'

/** What the other account does: it has a package that it may not write to, without its links. */
async function asOrdinaryUser(workspaceFolder: string): Promise<void> {
  const own = temporaryFolder()
  const engineFolder = join(own, 'engine')
  const engine = unwrap(await locateEngine({ version: 17, prefer: 'embedded', workspaceFolder, engineFolder }))
  const server = await startServer(engine, join(own, 'service'))
  const rows = await server.query('select count(*)::int as n from pg_available_extensions')
  await server.stop()
  const found = { uid: process.getuid?.(), user: engine.user, bin: engine.bin, engineFolder, extensions: rows[0]?.n }
  process.stdout.write(`${JSON.stringify(found)}\n`)
}

const workspace = process.env[variable]
if (workspace !== undefined) await asOrdinaryUser(workspace)
else {
  test('an ordinary user with a read-only package: it is copied, and the server runs under himself', async () => {
    if (process.getuid?.() !== 0) skip('only root can become another user', { allowedOnCi: true })
    const package_ = await findEnginePackage(join(repository, 'example'), 17)
    if (!package_.ok) skip('the embedded PostgreSQL is not installed')
    const folder = temporaryFolder()
    const target = join(folder, 'node_modules', package_.value.name)
    mkdirSync(target, { recursive: true })
    cpSync(join(package_.value.native, '..'), target, { recursive: true, verbatimSymlinks: true })
    const libraries = join(target, 'native', 'lib')
    for (const name of readdirSync(libraries)) {
      if (lstatSync(join(libraries, name)).isSymbolicLink()) rmSync(join(libraries, name))
    }
    const result = spawnSync(process.execPath, [new URL(import.meta.url).pathname], {
      cwd: '/',
      env: { PATH: process.env.PATH ?? '', TMPDIR: '/tmp', [variable]: folder },
      uid: 65_534,
      gid: 65_534,
      encoding: 'utf8',
    })
    assert.is(result.status, 0, result.stderr)
    const found = JSON.parse(result.stdout)
    assert.is(found.uid, 65_534)
    assert.is(found.user, undefined)
    assert.ok(found.bin.startsWith(found.engineFolder), found.bin)
    assert.ok(found.extensions > 20)
  })
  test.run()
}
