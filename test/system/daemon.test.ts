import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unwrap } from '../../lib/model/failure.ts'
import { startDaemon } from '../../lib/system/daemon.ts'
import { endIdentity, endRun } from '../../lib/system/groups.ts'
import { runMark } from '../../lib/system/marks.ts'
import { findByEnvironment, identify, isAlive } from '../../lib/system/process-identity.ts'
import { start, temporaryFolder, until } from '../support/index.ts'
import { buildProgram } from './support/fixture.ts'

test('a daemon outlives its starter, which was killed, and the end of the run', async () => {
  const program = await buildProgram('daemon-starter')
  const log = join(temporaryFolder(), 'daemon.log')
  const env = { ...process.env, [runMark]: 'run-of-the-daemon-test' } as Record<string, string>
  const starter = start([process.execPath, program, log], { env })
  starter.ended.catch(() => {})
  const greeting = await until(() => /^.*\n/.exec(starter.stdout())?.[0], { what: 'the greeting' })
  assert.match(greeting, /^\d+ \/\n$/)
  const identity = await identify(Number.parseInt(greeting, 10))
  if (identity === undefined) throw new Error('the daemon does not live')
  process.kill(-starter.pid, 'SIGKILL')
  await starter.ended
  await endRun('run-of-the-daemon-test', { graceMs: 200 })
  assert.ok(await isAlive(identity))
  await until(() => readFileSync(log, 'utf8').split('\n').length > 3, { what: 'the daemon to write its log' })
  assert.match(readFileSync(log, 'utf8'), /^up\ntick\n/)
  assert.is(statSync(log).mode & 0o777, 0o600)
  assert.equal(await endIdentity(identity), { killed: false, left: [] })
})

test('a daemon that cannot be started, says nothing, or ends at once', async () => {
  const folder = temporaryFolder()
  const log = join(folder, 'log')
  const env = { PATH: process.env.PATH ?? '', SILENT: `daemon-test-${process.pid}` }
  const start = (argv: [string, ...string[]], file = log) => startDaemon({ argv, env, log: file, timeoutMs: 300 })
  const code = async (...args: Parameters<typeof start>) => {
    const result = await start(...args)
    return result.ok ? 'started' : result.failures[0].code
  }
  assert.is(await code(['no-such-program']), 'daemon-not-started')
  assert.is(await code(['true'], join(folder, 'no/such/log')), 'file-not-found')
  assert.is(unwrap(await start(['true'])), undefined)
  assert.is(await code(['sleep', '600']), 'daemon-silent')
  for (const identity of await findByEnvironment('SILENT', env.SILENT)) await endIdentity(identity)
})

test.run()
