import { chmodSync, mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { sftpTarget } from '../../../lib/backup/targets/sftp.ts'
import type { FailureError } from '../../../lib/model/failure.ts'
import { processesWith, temporaryFolder, until } from '../../support/index.ts'
import { killTree } from '../../support/processes.ts'
import { type Sshd, startSshd } from '../../support/sshd.ts'
import { conforms, content } from './conformance.ts'

let sshd: Sshd
const never = new AbortController().signal

test.before(async () => {
  sshd = await startSshd()
})
test.after(async () => {
  await sshd?.stop()
})

conforms('sftp', async () => {
  const path = join(temporaryFolder(), 'backups')
  return [sftpTarget({ ...sshd.place, path }), sftpTarget({ ...sshd.place, path: `${path}/` })]
})

const failureOf = (action: Promise<unknown>) =>
  action.then(
    () => undefined,
    (error: FailureError) => error.failures?.[0],
  )

test('files are 0600, folders 0700, and the connection ends when nobody needs it', async () => {
  const path = join(temporaryFolder(), 'a/b')
  const target = sftpTarget({ ...sshd.place, path })
  await target.write('1/x', content(10).stream, never)
  assert.is(statSync(join(path, '1/x')).mode & 0o777, 0o600)
  assert.is(statSync(join(path, '1')).mode & 0o777, 0o700)
  await until(async () => (await processesWith(sshd.place.knownHosts as string)).length === 0, { what: 'ssh to end' })
})

test('a connection that breaks in the middle: a failure, nothing under the name, and the next one works', async () => {
  const path = join(temporaryFolder(), 'backups')
  const target = sftpTarget({ ...sshd.place, path })
  await target.write('1/old', content(10).stream, never)
  async function* cut() {
    yield Buffer.alloc(5_000_000)
    for (const { pid } of await processesWith(sshd.place.knownHosts as string)) await killTree(pid)
    for (;;) yield Buffer.alloc(1_000_000)
  }
  const failure = await failureOf(target.write('1/x', cut(), never))
  assert.is(failure?.code, 'target-failed')
  assert.is(failure?.message, `the connection to ${sshd.place.host} was lost`)
  assert.equal(
    (await target.list('1/')).map(({ key }) => key),
    ['1/old'],
  )
  // What was cut off lies there under a temporary name, which no list shows.
  assert.is(readdirSync(join(path, '1')).length, 2)
  await target.remove('1/')
  assert.equal(readdirSync(path), [])
})

test('a server that knows another key, an unknown host and a place that cannot be written say so', async () => {
  const path = temporaryFolder()
  const empty = join(temporaryFolder(), 'known')
  writeFileSync(empty, '')
  const why = async (change: object) =>
    (await failureOf(sftpTarget({ ...sshd.place, path, ...change }).list('')))?.why ?? ''
  assert.is(await why({ knownHosts: empty }), 'Host key verification failed.')
  assert.match(await why({ port: 9 }), 'Connection refused')
  assert.match(await why({ identity: join(path, 'none') }), 'Permission denied (publickey)')
  mkdirSync(join(path, 'file'))
  chmodSync(join(path, 'file'), 0o700)
  writeFileSync(join(path, 'file/taken'), '')
  const failure = await failureOf(
    sftpTarget({ ...sshd.place, path: join(path, 'file/taken') }).write('x', content(3).stream, never),
  )
  assert.is(failure?.message, `${join(path, 'file/taken')}/x on ${sshd.place.host}: write was refused`)
})

test.run()
