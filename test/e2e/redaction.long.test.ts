/**
 * A planted secret in every form in which programs write one, given out by a service, a build, a hook, a gate, a migration: nothing
 * that people or records see holds it. The forms are written here, not taken from the product.
 */
import { chmod, readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ended, timeLimit, until } from '../support/index.ts'
import { makeWorld, type World } from './world.ts'

timeLimit(300_000)

/** A value with what URLs, JSON, shells, HTML, SQL and YAML escape, and two bytes of other than ASCII. */
const token = `q7"R's$t&V<w>X\`y\\Z +/=?#@:{}[1]%25ü`
/** Of letters and digits only, as generated passwords are: nothing escapes it, so that it must be found inside words. */
const password = 'kD83hfQ2mZx71LpW'

/** Forms of a value: `say` is what is written, `find` what must not be seen of it. A module of the workspace's programs. */
const formsModule = `
const b64 = (text) => Buffer.from(text).toString('base64')
const inner = (before, text) => {
  const bytes = Buffer.from(text)
  const all = Buffer.concat([Buffer.alloc(before), bytes]).toString('base64')
  return all.slice(Math.ceil((before * 8) / 6), Math.floor(((before + bytes.length) * 8) / 6))
}
const html = (text) => text.replace(/[&<>"']/g, (one) => '&' + { '&': 'amp', '<': 'lt', '>': 'gt', '"': 'quot', "'": '#39' }[one] + ';')
const hexOf = (text) => Buffer.from(text).toString('hex')
const percent = (text) => encodeURIComponent(text).replace(/[!'()*]/g, (one) => '%' + one.charCodeAt(0).toString(16).toUpperCase())
export function formsOf(text) {
  const form = new URLSearchParams({ token: text }).toString()
  const json = JSON.stringify({ token: text })
  const url = new URL('postgres://shop@db.internal:5432/shop')
  url.password = text
  const header = 'shop:' + text
  return [
    ['raw', text, text],
    ['base64 alone', b64(text), b64(text).replace(/=+$/, '')],
    ['base64 after one byte', b64('x' + text + 'yz'), inner(1, text)],
    ['base64 after two bytes', b64('xy' + text + 'yz'), inner(2, text)],
    ['base64 in a basic header', 'authorization: Basic ' + b64(header), inner(5 % 3, text)],
    ['base64 in lines of a file', b64(text + '\\n'), b64(text + '\\n').replace(/=+$/, '').slice(0, -3)],
    ['base64url', Buffer.from(text).toString('base64url'), Buffer.from(text).toString('base64url')],
    ['base64 twice', b64(b64(text)), b64(b64(text)).replace(/=+$/, '').slice(0, -3)],
    ['encodeURIComponent', encodeURIComponent(text), encodeURIComponent(text)],
    ['percent-encoded', percent(text), percent(text)],
    ['percent-encoded twice', encodeURIComponent(encodeURIComponent(text)), encodeURIComponent(encodeURIComponent(text))],
    ['form', form, form.slice('token='.length)],
    ['user information of a URL', 'cannot reach ' + url.href, url.password],
    ['JSON', json, json.slice('{"token":"'.length, -2)],
    ['JSON in JSON', JSON.stringify({ body: json }), JSON.stringify(json.slice('{"token":"'.length, -2)).slice(1, -1)],
    ['hexadecimal', hexOf(text), hexOf(text)],
    ['hexadecimal in capitals', hexOf(text).toUpperCase(), hexOf(text).toUpperCase()],
    ['HTML', '<b>' + html(text) + '</b>', html(text)],
    ['shell, single quotes', "token='" + text.replaceAll("'", "'\\\\''") + "'", text.replaceAll("'", "'\\\\''")],
    ['shell, double quotes', 'token="' + text.replace(/[\\\\$\`"]/g, '\\\\$&') + '"', text.replace(/[\\\\$\`"]/g, '\\\\$&')],
    ['SQL', "values ('" + text.replaceAll("'", "''") + "')", text.replaceAll("'", "''")],
    ['beside line breaks', 'before\\n' + text + '\\nafter', text],
    ['in an error', String(new Error('bad token ' + text).stack), text],
    ['in colours', '\\u001b[31m' + text + '\\u001b[39m', text],
  ]
}
export function sayAll(write, where) {
  for (const secret of [process.env.LEAK_TOKEN, process.env.LEAK_PASSWORD])
    for (const [name, say] of formsOf(secret)) write('[' + where + '] ' + name + ': ' + say + '\\n')
}
`

/** Says all forms at its start, one split over two writes, one through a child's environment; fails as `behaviour.json` says. */
const server = `
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { sayAll } from './forms.js'
const { behaviour, version } = JSON.parse(readFileSync(new URL('./behaviour.json', import.meta.url), 'utf8'))
const { LEAK_TOKEN, LEAK_PASSWORD } = process.env
sayAll((text) => process.stdout.write(text), 'stdout')
sayAll((text) => process.stderr.write(text), 'stderr')
process.stdout.write(execFileSync('env', ['-i', 'INNER=' + LEAK_TOKEN.length, process.execPath, '-e', 'console.log("child", process.env.INNER)']))
process.stdout.write(execFileSync(process.execPath, ['-e', 'console.log("[child] env:", process.env.LEAK_TOKEN, process.env.LEAK_PASSWORD)']))
const halves = (secret) => [secret.slice(0, 7), secret.slice(7)]
for (const secret of [LEAK_TOKEN, LEAK_PASSWORD]) {
  const [first, rest] = halves(secret)
  process.stdout.write('[split] ' + first)
  await new Promise((resolve) => setTimeout(resolve, 50))
  process.stdout.write(rest + '\\n')
}
console.log('[all said]', version)
if (behaviour === 'crash') throw new Error('refused: ' + process.env.DATABASE_URL + ' ' + LEAK_TOKEN)
createServer((request, response) => {
  if (request.url === '/version') return response.end(version)
  response.statusCode = behaviour === 'unready' ? 503 : 200
  response.end(behaviour === 'unready' ? 'pool: ' + LEAK_TOKEN + ' ' + LEAK_PASSWORD + ' ' + encodeURIComponent(LEAK_TOKEN) : 'ok')
}).listen(Number(process.env.PORT), '127.0.0.1')
`

const builder = `
import { cpSync, existsSync, mkdirSync } from 'node:fs'
import { sayAll } from './forms.js'
mkdirSync('dist', { recursive: true })
for (const file of ['server.js', 'forms.js', 'behaviour.json']) cpSync(file, 'dist/' + file)
sayAll((text) => process.stdout.write(text), 'build')
if (existsSync('fail-build')) throw new Error('no registry: ' + process.env.LEAK_TOKEN + ' ' + process.env.LEAK_PASSWORD)
`

const taskfile = `
import { text, task } from 'vital-ops'
import { operations } from 'vital-ops/operations'
import { sayAll, formsOf } from './services/api/forms.js'

export default operations()

export const chatty = task({
  description: 'Says all forms',
  args: { environment: text() },
  run: async ({ log, $ }) => {
    sayAll((line) => log(line.trimEnd()), 'hook log')
    await $\`node -e \${'import("./services/api/forms.js").then(({ sayAll }) => sayAll((text) => process.stdout.write(text), "hook program"))'}\`
  },
})
export const broken = task({
  description: 'Fails with all forms',
  run: () => {
    throw new Error('the hook broke: ' + [process.env.LEAK_TOKEN, process.env.LEAK_PASSWORD].flatMap((value) => formsOf(value).map(([, say]) => say)).join(' | '))
  },
})
`

/** In an .env file in double quotes. */
const quoted = (text: string) => `"${text.replace(/[\\"$]/g, '\\$&')}"`

let world: World
/** Everything that was printed, by command. */
const printed = new Map<string, string>()
const commandLines = new Set<string>()
let watching = true
let watcher: Promise<void>

/** Collects the arguments of all processes while the commands run. */
async function watchCommandLines(): Promise<void> {
  while (watching) {
    for (const pid of (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name))) {
      const line = await readFile(`/proc/${pid}/cmdline`, 'latin1').catch(() => '')
      if (line !== '') commandLines.add(Buffer.from(line, 'latin1').toString())
    }
    await pause(40)
  }
}

const secrets = { LEAK_TOKEN: token, LEAK_PASSWORD: password }

async function task(args: string[], status?: number, env: Record<string, string> = {}): Promise<Ended> {
  const ended = await world.task(args, { env: { ...secrets, ...env }, timeout: 90_000 })
  const text = ended.stdout + ended.stderr
  printed.set(`${args.join(' ')} #${printed.size}`, text)
  if (status !== undefined) assert.is(ended.status, status, text)
  return ended
}

const environment = (hooks: string) => `name: dev
platform: local
database: { service: postgres }
deploy: { hooks: ${hooks} }
`

test.before(async () => {
  world = await makeWorld({
    taskfile,
    hooks: '{ beforeBuild: [{ task: chatty }] }',
    health: 'interval: 100ms\n  passes: 2\n  deadline: 5s',
  })
  await world.write('services/api/forms.js', formsModule)
  await world.write('services/api/server.js', server)
  await world.write('services/api/build.js', builder)
  const yaml = await readFile(join(world.folder, 'config/services/api.yaml'), 'utf8')
  await world.write(
    'config/services/api.yaml',
    yaml.replace('configuration:\n', 'configuration:\n  secrets: [LEAK_TOKEN, LEAK_PASSWORD]\n'),
  )
  await world.write(
    '.env.dev',
    `POSTGRES_PASSWORD=${password}\nLEAK_PASSWORD=${password}\nLEAK_TOKEN=${quoted(token)}\nGREETING=hello\n`,
  )
  await chmod(join(world.folder, '.env.dev'), 0o600)
  await world.commit('good', 'v1')
  watcher = watchCommandLines()
})
test.after(async () => {
  watching = false
  await watcher
  await world.end()
})

const apiLog = () => readFile(join(world.folder, '.ops/logs/dev/api.log'), 'utf8').catch(() => '')
const allSaid = (version: string) =>
  until(async () => (await apiLog()).includes(`[all said] ${version}`), { what: 'the end of what the service says' })

test('setup, a deploy with a hook and a build that say everything', async () => {
  await task(['setup', 'dev'], 0)
  await task(['deploy', 'dev', '--plan-out', '../plan.json'], 0)
  await task(['deploy', 'dev', '--plan', '../plan.json', '--json'], 0)
  await allSaid('v1')
  const { stdout } = await task(['services', 'logs', 'api', '--lines', '400'], 0)
  const forms = stdout.split('\n').filter((line) => /^\[(stdout|stderr|child|split)\]/.test(line))
  // Not vacuous: every form was said, and of each nothing but the placeholder is left.
  assert.ok(forms.length >= 90, `${forms.length}\n${stdout}`)
  const open = forms.filter((line) => !line.includes('[redacted]') && !/(beside line breaks|in an error)/.test(line))
  assert.equal(open, [])
})

test('failures of every kind', async () => {
  await world.commit('unready', 'v2')
  await task(['deploy', 'dev'], 6)
  await world.commit('crash', 'v3')
  await task(['--output', 'json', 'deploy', 'dev', '--json'], 6)
  await task(['deploy', 'dev'], 6, { GITHUB_ACTIONS: 'true' })
  await world.write('config/environments/dev.yaml', environment('{ beforeGate: [{ task: broken }] }'))
  await world.commit('good', 'v4')
  await task(['deploy', 'dev'], 6)
  await world.write(
    'config/environments/dev.yaml',
    environment('{ afterHealthy: [{ task: broken, onError: warn }, { task: chatty }] }'),
  )
  await world.commit('good', 'v5')
  await task(['deploy', 'dev', '--json'], 0)
  await world.write('services/api/fail-build', 'yes')
  await world.commit('good', 'v6')
  const built = await task(['deploy', 'dev'])
  assert.ok([1, 6].includes(built.status as number), built.stdout + built.stderr)
  await world.git('rm', '-q', 'services/api/fail-build')
  const sql = `select '${token.replaceAll("'", "''")}'::int, '${password}';`
  await world.write('database/migrations/002_bad.sql', `-- migrate:up\n${sql}\n-- migrate:down\nselect 1;\n`)
  await world.commit('good', 'v7')
  const migrated = await task(['deploy', 'dev'])
  assert.ok([1, 6, 7].includes(migrated.status as number), migrated.stdout + migrated.stderr)
  const own = await task(['migrate', 'up', '--json'])
  assert.is.not(own.status, 0)
})

test('what looks at them afterwards', async () => {
  await task(['runs'], 0)
  const { result } = JSON.parse((await task(['runs', '--json'], 0)).stdout) as { result: { runs: { run: string }[] } }
  assert.ok(result.runs.length >= 8)
  for (const { run } of result.runs) {
    await task(['runs', 'show', run])
    await task(['runs', 'show', run, '--json'])
  }
  for (const args of [
    ['releases', 'dev', '--json'],
    ['releases', 'show', '1', 'dev', '--json'],
    ['releases', 'show', '1', 'dev'],
    ['services', 'status', '--json'],
    ['health-check', 'dev', '--json'],
    ['migrate', 'status'],
    ['doctor'],
  ])
    await task(args)
  await task(['services', 'logs', '--lines', '2000', '--json'])
  await world.commit('unready', 'v8')
  await world.git('rm', '-q', 'database/migrations/002_bad.sql')
  await world.commit('unready', 'v9')
  await task(['services', 'up', '--working-tree'])
  await task(['health-check', 'dev'])
  await task(['health-check', 'dev', '--json'])
  await task(['services', 'down'], 0)
})

/** The files below `.ops` that hold text for people or records, and the plan files; not the keyring, nor a release's own source. */
async function records(): Promise<Map<string, string>> {
  const found = new Map<string, string>()
  const root = join(world.folder, '.ops')
  for (const entry of await readdir(root, { recursive: true, withFileTypes: true })) {
    const path = join(entry.parentPath ?? entry.path, entry.name)
    const name = path.slice(root.length + 1)
    if (!entry.isFile() || name.startsWith('secrets/') || /^releases\/[^/]+\/\d+\/source\/database\//.test(name))
      continue
    found.set(`.ops/${name}`, await readFile(path, 'latin1').then((text) => Buffer.from(text, 'latin1').toString()))
  }
  found.set('plan.json', await readFile(join(world.folder, '../plan.json'), 'utf8'))
  return found
}

test('nothing that was printed or kept, and no argument of a process, holds it in any form', async () => {
  const { formsOf } = (await import(`data:text/javascript,${encodeURIComponent(formsModule)}`)) as {
    formsOf(text: string): [name: string, say: string, find: string][]
  }
  const needles = [token, password].flatMap((value) => formsOf(value).map(([name, , find]) => ({ name, find })))
  assert.ok(needles.length >= 46)
  for (const { name, find } of needles) assert.ok(find.length >= 12, name)
  const kept = await records()
  const places = [
    ...kept,
    ...printed,
    ...[...commandLines].map((line) => [`arguments: ${line.slice(0, 80)}`, line] as const),
  ]
  for (const wanted of ['journal', 'api.log', 'logs/', 'release'])
    assert.ok(
      [...kept.keys()].some((name) => name.includes(wanted)),
      wanted,
    )
  assert.ok(commandLines.size > 10 && printed.size > 25)
  const leaks = places.flatMap(([place, text]) =>
    needles
      .filter(({ find }) => text.includes(find))
      .map(({ name, find }) => {
        const at = text.indexOf(find)
        return `${place}: ${name}: …${text.slice(Math.max(0, at - 60), at + 60)}`
      }),
  )
  assert.equal(leaks, [])
})

test.run()
