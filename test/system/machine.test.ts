import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { diskFree, findProgram, installHint } from '../../lib/system/machine.ts'
import { temporaryFolder } from '../support/index.ts'

test('free disk space is told as df tells it, also for what is not there yet', async () => {
  const folder = temporaryFolder()
  const df = execFileSync('df', ['-Pk', folder], { encoding: 'utf8' }).trim().split('\n').at(-1)?.split(/\s+/)
  const expected = Number(df?.[3]) * 1024
  for (const path of [folder, join(folder, 'not/yet/there')]) {
    const free = await diskFree(path)
    assert.ok(Math.abs(free - expected) < 2 ** 30, `${free}, df says ${expected}`)
  }
})

test('how a program is installed, with each package manager', () => {
  const sudo = process.getuid?.() === 0 ? '' : 'sudo '
  assert.is(installHint('git', 'apt'), `${sudo}apt-get install -y git`)
  assert.is(installHint('psql', 'apt'), `${sudo}apt-get install -y postgresql-client`)
  assert.is(installHint('psql', 'brew'), 'brew install libpq')
  assert.is(installHint('redis-server', 'apk'), `${sudo}apk add redis`)
  assert.is(installHint('kubectl', 'dnf'), `${sudo}dnf install -y kubernetes-client`)
  assert.match(installHint('kubectl', 'apt') ?? '', 'https://')
  for (const program of ['docker', 'docker compose', 'git', 'tar', 'kubectl', 'redis-server', 'postgresql']) {
    assert.type(installHint(program), 'string', program)
  }
  assert.is(installHint('no-such-program'), undefined)
  assert.is(installHint('constructor'), undefined)
})

test('programs are found as the system would', () => {
  assert.is(findProgram('sh', { PATH: '/nowhere:/bin' }), '/bin/sh')
  assert.is(findProgram('sh', { PATH: '/nowhere' }), undefined)
  assert.is(findProgram('./sh', {}, '/bin'), '/bin/sh')
  assert.is(findProgram('sh', { PATH: '' }, '/bin'), '/bin/sh', 'an empty part of PATH is the current folder')
  assert.is(findProgram('/etc/passwd'), undefined)
  assert.is(findProgram('/etc'), undefined)
})

test.run()
