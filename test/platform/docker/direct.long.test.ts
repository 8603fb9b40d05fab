/** What goes over an engine's socket has the results of the docker command. */
import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { isDirect } from '../../../lib/platform/docker/direct.ts'
import { dockerEngine, type Engine } from '../../../lib/platform/docker/engine.ts'
import { packFiles, unpackFiles } from '../../../lib/platform/docker/releases-archive.ts'
import { busybox } from '../../images/index.ts'
import { engine as testEngine } from '../../support/docker.ts'
import { note, timeLimit } from '../../support/index.ts'

timeLimit(600_000)

const mark = `direct${randomBytes(4).toString('hex')}`
let direct: Engine
let command: Engine
let image: string

test.before(async () => {
  const on = await testEngine()
  image = await busybox(on)
  direct = dockerEngine({ host: on.host }, { PATH: process.env.PATH })
  // A prescribed version is for the docker command.
  command = dockerEngine({ host: on.host }, { PATH: process.env.PATH, DOCKER_API_VERSION: '1.41' })
  assert.equal([direct.socket !== undefined, command.socket], [true, undefined])
  const labels = ['--label', `mark=${mark}`, '--label', 'said={"a": "\t$x"}']
  for (const name of ['one', 'two'])
    await on.docker(['create', '--name', `${mark}-${name}`, ...labels, image, 'sleep', '600'])
  await on.docker(['network', 'create', '--label', `mark=${mark}`, `${mark}-net`])
})
test.after(async () => {
  await command?.run(['rm', '--force', `${mark}-one`, `${mark}-two`, `${mark}-three`])
  await command?.run(['network', 'rm', `${mark}-net`])
})

const filter = ['--filter', `label=mark=${mark}`]
let compared = 0

/** The same command in both ways; JSON as data, for the docker command prints it indented. */
async function both(args: readonly string[]): Promise<{ status: number; stdout: string }> {
  assert.ok(isDirect(args), args.join(' '))
  const [one, other] = [await direct.run(args), await command.run(args)]
  if (!one.ok || !other.ok) throw new Error(JSON.stringify([one, other]))
  const read = (text: string) => (text.trim().startsWith('[') ? JSON.parse(text) : text.trimEnd())
  assert.equal(
    [one.value.status, read(one.value.stdout)],
    [other.value.status, read(other.value.stdout)],
    args.join(' '),
  )
  compared += 1
  return one.value
}

test('lists and inspections are those of the docker command', async () => {
  const format = '{{.ID}}\t{{.Names}}\t{{.State}}\t{{.Label "said"}}\t{{.Label "none"}}'
  const listed = await both(['ps', '--all', '--no-trunc', ...filter, '--format', format])
  assert.is(listed.stdout.trim().split('\n').length, 2)
  await both(['ps', '--all', '--quiet', '--no-trunc', ...filter, '--filter', 'label=mark'])
  await both(['ps', '--all', '--quiet', '--no-trunc', '--filter', 'label=mark=nobody'])
  await both(['inspect', '--type', 'container', `${mark}-one`, `${mark}-two`])
  const missing = await both(['inspect', '--type', 'container', `${mark}-one`, `${mark}-gone`])
  assert.is(missing.status, 1)
  await both(['container', 'inspect', '--format', '{{.Id}}', `${mark}-one`])
  assert.is((await both(['container', 'inspect', '--format', '{{.Id}}', `${mark}-gone`])).status, 1)
  await both(['image', 'inspect', image])
  await both(['image', 'inspect', '--format', '{{.Id}}', image])
  assert.is((await both(['image', 'inspect', image, 'nobody.example:5000/none:1'])).status, 1)
  await both(['network', 'ls', '--quiet', ...filter])
  await both(['network', 'ls', ...filter, '--format', '{{.Name}}\t{{.Label "mark"}}'])
  // What is not known there is left to the docker command.
  const names = await direct.checked(['ps', '--all', '--filter', `name=${mark}`, '--format', '{{.Names}}\t{{.Ports}}'])
  assert.is(names.ok && names.value.trim().split('\n').length, 2)
  note(`${compared} commands compared`)
})

test('files go in and out, and containers are started, named, stopped and removed', async () => {
  const [one, two] = [`${mark}-one`, `${mark}-two`]
  const input = await packFiles([{ name: 'said', content: 'what ü\n' }])
  for (const on of [direct, command]) {
    assert.is((await on.run(['cp', '-', `${one}:/tmp`], { input })).ok, true)
    const out = await on.checked(['cp', `${one}:/tmp`, '-'])
    if (!out.ok) throw new Error(out.failures[0].message)
    assert.is((await unpackFiles(out.value)).get('tmp/said'), 'what ü\n')
  }
  const state = async () =>
    (await command.checked(['ps', '--all', ...filter, '--format', '{{.Names}} {{.State}}'])) as { value: string }
  await both(['start', one, two])
  assert.match((await state()).value, /one running[\s\S]*|two running/)
  await both(['stop', one])
  assert.match((await state()).value, /-one exited/)
  assert.ok((await direct.checked(['rename', one, `${mark}-three`])).ok)
  assert.match((await state()).value, /-three exited/)
  assert.is((await direct.run(['rm', '--force', '--volumes', `${mark}-three`, two])).ok, true)
  assert.is((await state()).value, '')
})

test('what is refused is said in the words of the docker command', async () => {
  for (const args of [
    ['start', `${mark}-gone`],
    ['rename', `${mark}-gone`, `${mark}-x`],
    ['cp', `${mark}-gone:/tmp`, '-'],
    ['rm', '--force', `${mark}-gone`],
  ]) {
    assert.equal(await direct.run(args), await command.run(args), args.join(' '))
  }
  const nowhere = dockerEngine({ host: 'unix:///nowhere.sock' }, { PATH: process.env.PATH })
  const asked = await nowhere.run(['ps', '--all', '--quiet', '--no-trunc'])
  assert.is(asked.ok ? '' : asked.failures[0].code, 'engine-unreachable')
  const late = await direct.run(['ps', '--all', '--quiet', '--no-trunc'], { signal: AbortSignal.abort() })
  assert.is(late.ok ? '' : late.failures[0].code, 'aborted')
})

test.run()
