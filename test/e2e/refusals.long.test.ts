/**
 * What is refused: workspaces with mistakes, by the command as it is; unknown flags, words and names for every command. Nothing is
 * changed by any of it, and nothing is started.
 */
import { mkdir, rm, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Failure } from '../../lib/model/failure.ts'
import { partByNeed, validateWorkspace } from '../../lib/validate/relevance.ts'
import { type Ended, processesWith, repository, task, temporaryFolder, timeLimit } from '../support/index.ts'
import { basePaths, baseWorkspace } from '../validate/base-workspace.ts'
import { broken, brokenWorkspaces } from '../validate/broken/index.ts'
import { treeOf } from './tree.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(600_000)

const base = temporaryFolder()
const folder = join(base, 'statistics')
const env = { OPS_DATA_ROOT: join(base, 'data') }
let world: World

const shown = (ended: Ended) => `${ended.status}\n${ended.stdout}${ended.stderr}`
const at = ({ place, code, nearest }: Failure) =>
  `${[place?.file.replace(`${folder}/`, ''), place?.line, place?.column].filter((part) => part !== undefined).join(':')} ${code}${nearest === undefined ? '' : `, nearest ${nearest}`}`

async function write(texts: ReadonlyMap<string, string>): Promise<void> {
  await rm(join(folder, 'config'), { recursive: true, force: true })
  for (const [path, text] of texts) {
    await mkdir(dirname(join(folder, path)), { recursive: true })
    await writeFile(join(folder, path), text)
  }
}

test.before(async () => {
  for (const path of basePaths) {
    const isFile = path.endsWith('.yaml')
    await mkdir(join(folder, isFile ? dirname(path) : path), { recursive: true })
    if (isFile) await writeFile(join(folder, path), '')
  }
  await mkdir(join(folder, 'node_modules'), { recursive: true })
  await symlink(repository, join(folder, 'node_modules/vital-ops'))
  const taskfile = "import { operations } from 'vital-ops/operations'\nexport default operations()\n"
  await writeFile(join(folder, 'Taskfile.ts'), taskfile)
  world = await makeWorld()
  const values = join(world.folder, '.env.dev')
  await writeFile(values, 'POSTGRES_PASSWORD=not-so-secret-123\nGREETING=hello\n', { mode: 0o600 })
  await world.task(['--list'])
})
test.after(() => world.end())

/** The mistakes that a command on dev is refused for. */
function neededForDev(texts: ReadonlyMap<string, string>): string[] {
  const { workspace, failures } = validateWorkspace(texts, { exists: (path) => basePaths.has(path) })
  if (!workspace) return failures.map(at)
  return partByNeed(failures, workspace, { environment: 'dev', platform: 'local' }).errors.map(at)
}

test('every broken workspace is refused, each mistake at its place, and nothing is changed', async () => {
  await write(baseWorkspace)
  await task(['--list'], { cwd: folder, env })
  const count = { setup: 0, deploy: 0, doctor: 0 }
  const wrong: string[] = []
  for (const [index, { name, edits, expected }] of brokenWorkspaces.entries()) {
    const texts = broken(edits)
    await write(texts)
    const before = await treeOf(folder)
    const all = expected.map(([head]) => head)
    const needed = neededForDev(texts)
    // What does not concern dev is a warning there; `doctor` names the mistakes of all environments.
    const command = needed.length === 0 ? 'doctor' : index % 5 === 0 ? 'deploy' : 'setup'
    const words = command === 'doctor' ? ['doctor', '--json'] : [command, 'dev', '--json']
    const ended = await task(words, { cwd: folder, env })
    const answer = JSON.parse(ended.stdout) as { failures?: Failure[]; result?: { mistakes?: Failure[] } }
    const found = (command === 'doctor' ? answer.result?.mistakes : answer.failures)?.map(at) ?? []
    const wanted = command === 'doctor' ? all : needed
    // Without its file there is no workspace, and so no place in it.
    const isWhole = texts.has('config/workspace.yaml')
    const missing = isWhole ? wanted.filter((head) => !found.includes(head)) : []
    const changed = (await treeOf(folder)).filter((line) => !before.includes(line))
    const status = command === 'doctor' ? 1 : 3
    if (ended.status !== status || found.length === 0 || missing.length > 0 || changed.length > 0)
      wrong.push(`${name}: ${words[0]}: exit ${ended.status}, found ${found}, missing ${missing}, changed ${changed}`)
    count[command] += 1
  }
  assert.equal(wrong, [])
  assert.ok(
    count.setup >= 35 && count.deploy >= 5 && count.setup + count.deploy + count.doctor >= 60,
    JSON.stringify(count),
  )
  assert.equal(await processesWith(env.OPS_DATA_ROOT), [])
})

test('people see the line, a caret below its column, and the nearest name', async () => {
  await write(broken([{ file: 'config/services/api.yaml', from: 'local:\n  command', to: 'local:\n  comand' }]))
  const ended = await task(['deploy', 'dev'], { cwd: folder, env })
  assert.is(ended.status, 3)
  assert.match(shown(ended), /config\/services\/api\.yaml:7:3/)
  assert.match(shown(ended), /7 \| {3}comand: \[node[^\n]*\n +\| +\^/)
  assert.match(shown(ended), /command/)
  await write(baseWorkspace)
})

const commands = [
  'setup',
  'services up',
  'services down',
  'services restart',
  'services status',
  'services logs',
  'health-check',
  'deploy',
  'rollback',
  'releases',
  'migrate up',
  'migrate status',
  'runs list',
  'runs show',
  'resume',
  'abort',
  'doctor',
  'catalog',
]
const takesEnvironment = (command: string) => !/^(runs|doctor|catalog)/.test(command)

test('every command refuses an unknown flag, and names the nearest', async () => {
  const before = await treeOf(world.folder)
  for (const command of commands) {
    const ended = await world.task([...command.split(' '), '--jsn'])
    assert.is(ended.status, 2, `${command}: ${shown(ended)}`)
    assert.match(shown(ended), /--jsn/, command)
    if (!/logs|catalog|doctor/.test(command)) assert.match(shown(ended), /--json/, command)
    assert.match(shown(ended), /usage: task/, command)
  }
  assert.equal(await treeOf(world.folder), before)
})

test('every command refuses an environment that there is not, and names the nearest', async () => {
  const before = await treeOf(world.folder)
  for (const command of commands.filter(takesEnvironment)) {
    const words = /^services/.test(command) ? ['-e', 'devv'] : ['devv']
    const ended = await world.task([...command.split(' '), ...words])
    assert.is(ended.status, 3, `${command}: ${shown(ended)}`)
    assert.match(shown(ended), /there is no environment `devv`[\s\S]*\bdev\b/, command)
  }
  assert.equal(await treeOf(world.folder), before)
})

test('unknown tasks, commands, services, runs and surplus words are refused', async () => {
  const before = await treeOf(world.folder)
  const cases: [string[], number, RegExp][] = [
    [['deply', 'dev'], 2, /unknown task deply[\s\S]*deploy/],
    [['services', 'strat'], 2, /no service strat/],
    [['migrate', 'stats'], 2, /unknown command migrate stats[\s\S]*migrate status/],
    [['runs', 'shwo'], 2, /unknown command runs shwo[\s\S]*runs show/],
    [['services', 'up', 'apii'], 2, /no service apii[\s\S]*api/],
    [['services', 'logs', 'postgrs'], 2, /no service postgrs[\s\S]*postgres/],
    [['services', 'status', 'apo'], 2, /no service apo[\s\S]*api/],
    [['deploy', 'dev', 'apii'], 2, /no service apii[\s\S]*api/],
    [['deploy'], 2, /environment/],
    [['rollback', 'dev', 'more'], 2, /more/],
    [['rollback', 'dev', '--to', 'x'], 2, /--to/],
    [['deploy', 'dev', '--platform', 'kubernets'], 2, /kubernetes/],
    [['services', 'up', '--category', 'database'], 2, /databases/],
    [['doctor', 'dev'], 2, /dev/],
    [['runs', 'show', 'nothing'], 2, /nothing/],
    [['rollback', 'dev', '--to', '99'], 3, /99/],
    [['deploy', 'dev', '--revision', 'nowhere'], 3, /nowhere/],
    [['deploy', 'dev', '--plan', 'no-such.json'], 3, /no-such\.json/],
  ]
  const wrong: string[] = []
  for (const [words, status, text] of cases) {
    const ended = await world.task(words)
    if (ended.status !== status || !text.test(shown(ended))) wrong.push(`${words.join(' ')}: ${shown(ended)}`)
  }
  assert.equal(wrong, [])
  assert.equal(await treeOf(world.folder), before)
  assert.equal(await processesWith(world.env.OPS_TEST_WORLD as string), [])
})

test('a mistake in the YAML of today stops no rollback, status, log or health check', async () => {
  for (const version of ['v1', 'v2']) {
    if (version !== 'v1') await world.commit('good', version)
    const ended = await world.task(['deploy', 'dev'])
    assert.is(ended.status, 0, shown(ended))
  }
  await world.write('config/services/api.yaml', 'name: api\n\tcategory: [\n')
  for (const words of [
    ['services', 'status'],
    ['services', 'logs', 'api'],
    ['health-check', 'dev'],
    ['releases', 'dev'],
    ['rollback', 'dev'],
  ]) {
    const ended = await world.task(words)
    assert.is(ended.status, 0, `${words.join(' ')}: ${shown(ended)}`)
    if (words[0] !== 'releases')
      assert.match(ended.stderr, /api\.yaml:2:1[\s\S]*going by the record of the current release/, words.join(' '))
  }
  assert.match((await world.get('/version'))?.body ?? '', /^v1 /)
  const refused = await world.task(['deploy', 'dev', '--allow-dirty'])
  assert.is(refused.status, 3, shown(refused))
  assert.match(shown(refused), /api\.yaml:2:1/)
  await world.git('checkout', '--', 'config')
})

test.run()
