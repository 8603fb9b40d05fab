import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { folderTarget } from '../../lib/backup/targets/folder.ts'
import { findWalPrograms, walProgramFor } from '../../lib/backup/wal/program.ts'
import { receiveWal } from '../../lib/backup/wal/receiver.ts'
import { adminUser } from '../../lib/database/engine/cluster.ts'
import { startServer, testEngine } from '../database/support/server.ts'
import { skip, temporaryFolder, timeLimit, until } from '../support/index.ts'

timeLimit(120_000)

test('an older pg_receivewal is not chosen, since it refuses a newer server', async () => {
  const [old] = await findWalPrograms()
  if (!old) skip('pg_receivewal is not installed')
  const server = await startServer(await testEngine())
  if (old.major >= server.engine.major) skip('pg_receivewal is as new as the embedded server')
  const abort = new AbortController()
  const lines: string[] = []
  const done = receiveWal(
    {
      owner: { workspace: { name: 'test', id: 'test0000' }, environment: 'dev' },
      service: 'postgres',
      targets: [folderTarget(join(temporaryFolder(), 'kept'))],
      recipients: [],
      address: {
        host: '127.0.0.1',
        port: server.port,
        database: 'postgres',
        user: adminUser,
        password: server.password,
        applicationName: 'vital-ops/test-wal',
      },
      program: old.path,
      spool: join(temporaryFolder(), 'spool'),
      everyMs: 500,
      keepBytes: 1e9,
      output: (line) => lines.push(line),
    },
    abort.signal,
  )
  try {
    assert.is(walProgramFor([old], server.engine.major), undefined)
    await until(() => lines.some((line) => /newer than/.test(line)), { what: 'it to refuse', deadline: 60_000 })
  } finally {
    abort.abort()
    await done
    await server.dispose()
  }
})

test.run()
