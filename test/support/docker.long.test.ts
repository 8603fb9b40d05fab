import { existsSync } from 'node:fs'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { alertmanager, application, busybox, nginx, node, postgres, prometheus, redis } from '../images/index.ts'
import { engine, startEngine } from './docker.ts'

test('the engine of the run answers, and runs an image', async () => {
  const docker = await engine()
  assert.match(await docker.docker(['version', '--format', '{{.Server.Version}}']), /^\d+\./)
  assert.is(
    await docker.docker(['run', '--rm', '--network=none', await busybox(docker), 'echo', 'from inside']),
    'from inside',
  )
  assert.match(await docker.docker(['compose', 'version', '--short']), /^v?2\./)
})

test('an engine of its own leaves nothing', async () => {
  const own = await startEngine()
  const image = await busybox(own)
  await own.docker(['run', '--detach', '--name', 'stays', image, 'sleep', '1000'])
  const pid = own.pid()
  await own.end()
  assert.not(existsSync(own.folder))
  assert.not(existsSync(`/proc/${pid}`))
})

test('every image starts its program, and has the same id wherever it is loaded', async () => {
  const docker = await engine()
  const inside = async (image: string, ...command: string[]) =>
    docker.docker(['run', '--rm', '--network=none', '--entrypoint', command[0] as string, image, ...command.slice(1)])
  assert.is(await inside(await node(docker), 'node', '--version'), process.version)
  assert.match(await inside(await postgres(docker), 'postgres', '--version'), /PostgreSQL\) 15\./)
  assert.match(await inside(await redis(docker), 'redis-server', '--version'), /Redis server v=/)
  assert.match(await inside(await nginx(docker), 'sh', '-c', 'nginx -v 2>&1'), /nginx version/)
  assert.match(await inside(await prometheus(docker), '/usr/bin/prometheus', '--version'), /prometheus, version/)
  assert.match(
    await inside(await alertmanager(docker), '/usr/bin/prometheus-alertmanager', '--version'),
    /alertmanager, version/,
  )
  const idOf = (image: string) => docker.docker(['image', 'inspect', '--format', '{{.Id}}', image])
  const one = await application(docker, 'api', { revision: 'one' })
  const id = await idOf(one)
  assert.is.not(await idOf(await application(docker, 'api', { revision: 'two' })), id)
  await docker.docker(['image', 'rm', one])
  assert.is(await application(docker, 'api', { revision: 'one' }), one)
  assert.is(await idOf(one), id)
})

test.run()
