import { cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import {
  engineFolder,
  ensureDataFolder,
  findDataFolder,
  listDataHomes,
  sharedDataRoot,
} from '../../../lib/platform/local/data-root.ts'
import { readPorts, writePorts } from '../../../lib/platform/local/ports-store.ts'
import { temporaryFolder } from '../../support/index.ts'

let root = ''
test.before.each(() => {
  root = join(temporaryFolder(), 'data')
  process.env.OPS_DATA_ROOT = root
})
test.after(() => {
  delete process.env.OPS_DATA_ROOT
})

const owner = (folder: string) => ({ folder, workspaceId: 'ws12345678', environment: 'dev', service: 'postgres' })

test('a clone has a folder of its own, which it keeps, and looking makes nothing', async () => {
  const [one, two] = [temporaryFolder(), temporaryFolder()]
  assert.is(await findDataFolder(owner(one)), undefined)
  assert.not.ok(existsSync(join(one, '.ops')))
  const first = await ensureDataFolder(owner(one))
  const second = await ensureDataFolder(owner(two))
  assert.match(first, new RegExp(`^${root}/ws12345678/[0-9a-f]{12}/dev/postgres$`))
  assert.is.not(first, second)
  assert.is(await findDataFolder(owner(one)), first)
  assert.is(await ensureDataFolder(owner(one)), first)
  assert.is(await findDataFolder(owner(two)), second)
})

test('commands that make the key at once get the same folder', async () => {
  const folder = temporaryFolder()
  const made = await Promise.all(Array.from({ length: 10 }, () => ensureDataFolder(owner(folder))))
  assert.is(new Set(made).size, 1)
})

test('others may pass through, and not look', async () => {
  const home = join(await ensureDataFolder(owner(temporaryFolder())), '../..')
  for (const folder of [home, join(home, '..'), root]) assert.is(statSync(folder).mode & 0o777, 0o711, folder)
})

test('a workspace that was moved keeps its data; one that was copied has none of them', async () => {
  const folder = join(temporaryFolder(), 'old')
  mkdirSync(folder)
  const data = await ensureDataFolder(owner(folder))
  const moved = `${folder}-moved`
  renameSync(folder, moved)
  assert.is(await findDataFolder(owner(moved)), data)
  assert.is(await ensureDataFolder(owner(moved)), data)
  const record = JSON.parse(readFileSync(join(data, '../../owner.json'), 'utf8')) as { workspace: string }
  assert.is(record.workspace, moved)

  const copied = `${folder}-copied`
  cpSync(moved, copied, { recursive: true })
  assert.is(await findDataFolder(owner(copied)), undefined)
  assert.is.not(await ensureDataFolder(owner(copied)), data)
  assert.is(await findDataFolder(owner(moved)), data)
})

test('data whose workspace is gone are found', async () => {
  const [kept, removed] = [temporaryFolder(), temporaryFolder()]
  await ensureDataFolder(owner(kept))
  await ensureDataFolder(owner(removed))
  rmSync(join(removed, '.ops'), { recursive: true })
  const homes = await listDataHomes()
  assert.equal(
    homes.map(({ owner: { workspace }, orphaned }) => [workspace, orphaned]).sort(),
    [
      [kept, false],
      [removed, true],
    ].sort(),
  )
})

test('where data lie', () => {
  assert.is(sharedDataRoot({ OPS_DATA_ROOT: '/elsewhere' }), '/elsewhere')
  assert.is(sharedDataRoot({}), process.getuid?.() === 0 ? '/var/lib/vital-ops' : undefined)
  assert.is(engineFolder('/workspace'), join(root, 'engines'))
})

test('assigned ports are kept, merged and forgotten', async () => {
  const folder = temporaryFolder()
  assert.equal(await readPorts(folder, 'dev'), {})
  await writePorts(folder, 'dev', { api: { http: 8081 }, postgres: { sql: 5433 } })
  await writePorts(folder, 'dev', { api: { metrics: 9100 } })
  assert.equal(await readPorts(folder, 'dev'), { api: { http: 8081, metrics: 9100 }, postgres: { sql: 5433 } })
  assert.equal(await readPorts(folder, 'production@local'), {})
  await writePorts(folder, 'dev', { api: { http: 0 }, postgres: { sql: 0 } })
  assert.equal(await readPorts(folder, 'dev'), { api: { metrics: 9100 } })
})

test.run()
