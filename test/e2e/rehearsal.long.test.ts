/**
 * A rehearsal of production on this machine beside a planted production: its `.env` file is a pipe, whose reading would never end; its
 * database, its cluster and its engine are a server that counts who connects.
 */
import { readdir, readFile, stat } from 'node:fs/promises'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { processesWith, run, timeLimit } from '../support/index.ts'
import { treeOf } from './tree.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(240_000)

const sentinel = 'sentinel4711productionsecret'
let world: World
let planted: Server
let connections = 0
let environment: Record<string, string>

const production = (address: string, upstream?: string) => `name: production
platform: kubernetes
kubernetes:
  context: cluster
protected: true
database:
  service: postgres
  url: postgres://shop:${sentinel}@${address}/shop
values:
  UPSTREAM: http://${sentinel}.example.com
notifications:
  - on: [healthy, failed]
    command: [node, -e, "require('net').connect(${address.split(':')[1]}, '127.0.0.2')"]
${upstream === undefined ? '' : `rehearsal:\n  values:\n    UPSTREAM: ${JSON.stringify(upstream)}\n`}`

const tree = () => treeOf(world.folder)

async function task(args: string[], status: number): Promise<string> {
  const ended = await world.task(args, { env: environment, timeout: 90_000 })
  const text = ended.stdout + ended.stderr
  assert.is(ended.status, status, text)
  return text
}

test.before(async () => {
  planted = createServer((socket) => {
    connections += 1
    socket.destroy()
  })
  await new Promise<void>((resolve) => planted.listen(0, '127.0.0.2', resolve))
  const address = `127.0.0.2:${(planted.address() as AddressInfo).port}`
  environment = {
    DOCKER_HOST: `tcp://${address}`,
    DATABASE_URL: `postgres://x:${sentinel}@${address}/shop`,
    PGHOST: '127.0.0.2',
  }
  world = await makeWorld()
  await world.write('config/environments/production.yaml', production(address, 'http://localhost:9'))
  await world.write(
    'config/environments/.env.production.example',
    'POSTGRES_PASSWORD= # generate: 24\nGREETING=hello\n',
  )
  const api = await readFile(join(world.folder, 'config/services/api.yaml'), 'utf8')
  await world.write(
    'config/services/api.yaml',
    api.replace('    GREETING:', `    UPSTREAM: \${UPSTREAM:-http://localhost}\n    GREETING:`),
  )
  await world.commit('good', 'v1')
  const pipe = await run(['mkfifo', '-m', '600', join(world.folder, '.env.production')])
  assert.is(pipe.status, 0, pipe.stderr)
  // What is kept of a loaded Taskfile is written once.
  await task(['--list'], 0)
})
test.after(async () => {
  planted.close()
  await world.task(['services', 'down', '-e', 'production', '--platform', 'local'], { env: environment })
  await world.end()
})

test('production as it is ends with one table of what is missing, and changes nothing', async () => {
  const before = await tree()
  const text = await task(['deploy', 'production'], 3)
  assert.match(text, /requirement +found/)
  assert.match(text, /kubectl/)
  assert.match(text, /nothing was changed/)
  assert.match(text, /task deploy production --platform local/)
  assert.is(text.split('\n').filter((line) => /^requirement/.test(line)).length, 1)
  assert.equal(await tree(), before)
  assert.equal(await processesWith(world.env.OPS_TEST_WORLD as string), [])
})

test('an address elsewhere is refused in every spelling, with its place, and nothing is changed', async () => {
  const address = `127.0.0.2:${(planted.address() as AddressInfo).port}`
  const spellings = [
    'http://10.11.12.13',
    'http://127.0.0.1@10.11.12.13/x',
    'http://127.0.0.1.example.com',
    'http://[::ffff:10.11.12.13]:80',
    'http://0177.0.0.1',
    'http://localhost%2eexample.com',
    '//10.11.12.13/x',
    'host=10.11.12.13 port=5432',
    'http://127.0.0.1,10.11.12.13/x',
  ]
  for (const upstream of spellings) {
    await world.write('config/environments/production.yaml', production(address, upstream))
    await world.commit('good', 'v1')
    const before = await tree()
    const text = await task(['deploy', 'production', '--platform', 'local'], 3)
    assert.match(text, /UPSTREAM of `api` points to another machine/, `${upstream}: ${text}`)
    assert.match(text, /config\/services\/api\.yaml:\d+:\d+/)
    assert.match(text, /set UPSTREAM under rehearsal\.values in config\/environments\/production\.yaml/)
    assert.equal(await tree(), before, upstream)
  }
  await world.write('config/environments/production.yaml', production(address))
  await world.commit('good', 'v1')
  const text = await task(['deploy', 'production', '--platform', 'local'], 3)
  assert.match(text, /UPSTREAM of `api` points to another machine/)
  await world.write('config/environments/production.yaml', production(address, 'http://127.0.0.1:9'))
  await world.commit('good', 'v1')
})

type Status = {
  result: { environment: string; services: { service: string; status: string; ports: Record<string, number> }[] }
}
const portsOf = (status: Status) => status.result.services.flatMap(({ ports }) => Object.values(ports))

test('a rehearsal deploys beside dev: its own ports, releases, data and secrets', async () => {
  await task(['setup', 'dev'], 0)
  await task(['deploy', 'production', '--platform', 'local'], 0)
  const dev = await world.json<Status>(['services', 'status'])
  const own = await world.json<Status>(['services', 'status', '-e', 'production', '--platform', 'local'])
  assert.is(own.result.environment, 'production@local')
  assert.ok(own.result.services.every(({ status }) => status === 'running'))
  const ports = portsOf(own)
  assert.is(ports.length, 2)
  assert.is(new Set([...ports, ...portsOf(dev)]).size, 4)
  const releases = await readdir(join(world.folder, '.ops/releases'))
  assert.ok(releases.includes('production@local') && !releases.includes('production'), releases.join(' '))
  assert.match(await task(['releases', 'production', '--platform', 'local'], 0), /current/)
  const values = await readFile(join(world.folder, '.env.production@local'), 'utf8')
  assert.is.not(
    values.match(/POSTGRES_PASSWORD=(\S+)/)?.[1],
    (await readFile(join(world.folder, '.env.dev'), 'utf8')).match(/POSTGRES_PASSWORD=(\S+)/)?.[1],
  )
  assert.match(await task(['deploy', 'production', '--platform', 'local'], 0), /nothing to do|nothing was changed/)
})

test('nobody connected to production, nobody read its values, and its secret is nowhere', async () => {
  // Each command above ended although the pipe never gives anything: none has opened it.
  assert.ok((await stat(join(world.folder, '.env.production'))).isFIFO())
  assert.is(connections, 0)
  const found: string[] = []
  let files = 0
  for (const entry of await readdir(join(world.folder, '.ops'), { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name)
    // A release's own copy of the committed configuration is the commit's.
    if (!entry.isFile() || /\/source\/config\//.test(path)) continue
    files += 1
    if ((await readFile(path, 'latin1')).includes(sentinel)) found.push(path)
  }
  assert.ok(files > 20, `${files} files`)
  assert.equal(found, [])
  for (const { pid } of await processesWith(world.env.OPS_TEST_WORLD as string)) {
    const variables = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
    if (/^PORT=/m.test(variables.replaceAll('\0', '\n'))) assert.not.ok(variables.includes(sentinel), `${pid}`)
  }
})

test.run()
