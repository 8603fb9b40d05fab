import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unwrap } from '../../lib/model/failure.ts'
import { startDaemon } from '../../lib/system/daemon.ts'
import { endIdentity, endRun } from '../../lib/system/groups.ts'
import { runMark } from '../../lib/system/marks.ts'
import { isAlive } from '../../lib/system/process-identity.ts'
import { start, temporaryFolder, until } from '../support/index.ts'
import { buildProgram } from './support/fixture.ts'

test('a daemon outlives its starter, which was killed, and the end of the run', async () => {
  const program = await buildProgram('daemon-starter')
  const log = join(temporaryFolder(), 'daemon.log')
  const env = { ...process.env, [runMark]: 'run-of-the-daemon-test' } as Record<string, string>
  const starter = start([process.execPath, program, log], { env })
  starter.ended.catch(() => {})
  const identity = JSON.parse(await until(() => starter.stdout(), { what: 'the daemon to be started' }))
  process.kill(-starter.pid, 'SIGKILL')
  await starter.ended
  await endRun('run-of-the-daemon-test', { graceMs: 200 })
  assert.ok(await isAlive(identity))
  await until(() => readFileSync(log, 'utf8').split('\n').length > 3, { what: 'the daemon to write its log' })
  assert.match(readFileSync(log, 'utf8'), /^out\nerr\n/)
  assert.equal(await endIdentity(identity), { killed: false, left: [] })
})

test('what cannot be started is a failure', async () => {
  const folder = temporaryFolder()
  const code = async (argv: [string], log: string) => {
    const result = await startDaemon({ argv, log })
    return result.ok ? 'started' : result.failures[0].code
  }
  assert.is(await code(['no-such-program'], join(folder, 'log')), 'program-not-found')
  assert.is(await code(['true'], join(folder, 'no/such/log')), 'file-not-found')
  const identity = unwrap(await startDaemon({ argv: ['sleep', '600'], log: join(folder, 'log') }))
  assert.ok(await isAlive(identity))
  await endIdentity(identity)
})

test.run()
