/**
 * What npm would publish, installed into an empty project elsewhere: nothing of this repository but its tarball is there, and no
 * development package. A service of its own has a dependency of its own.
 */
import { existsSync } from 'node:fs'
import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { builtinModules } from 'node:module'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ended, freePort, processesWith, repository, run, temporaryFolder, timeLimit } from '../support/index.ts'

timeLimit(480_000)

const base = temporaryFolder()
const project = join(base, 'shop')
const installed = join(project, 'node_modules/vital-ops')
const env = { npm_config_cache: join(base, 'npm'), OPS_DATA_ROOT: join(base, 'data') }
let port: number

const shown = (ended: Ended) => `${ended.status}\n${ended.stdout}${ended.stderr}`
const npm = (args: string[], cwd: string) =>
  run(['npm', ...args, '--no-audit', '--no-fund', '--prefer-offline'], { cwd, env, timeout: 240_000 })
/** The command as npm links it, called from a folder. */
const task = (args: string[], cwd = project) =>
  run([join(project, 'node_modules/.bin/task'), ...args], { cwd, env, timeout: 90_000 })
const page = async () => (await fetch(`http://127.0.0.1:${port}/`, { signal: AbortSignal.timeout(5000) })).text()
const write = async (path: string, text: string) => {
  await mkdir(join(project, path, '..'), { recursive: true })
  await writeFile(join(project, path), text)
}

async function done(ending: Promise<Ended>, status = 0): Promise<string> {
  const ended = await ending
  assert.is(ended.status, status, shown(ended))
  return ended.stdout + ended.stderr
}

const commit = async (message: string) => {
  await done(run(['git', 'add', '-A'], { cwd: project }))
  const as = ['-c', 'user.name=t', '-c', 'user.email=t@example.com']
  await done(run(['git', ...as, 'commit', '-q', '-m', message], { cwd: project }))
}

/** Answers with a duration in words, which its own dependency makes. */
const program = (version: string, ready: boolean) => `import { createServer } from 'node:http'
import ms from 'ms'

const server = createServer((request, response) => {
  if (request.url === '/healthz') {
    response.statusCode = ${ready ? 200 : 503}
    return response.end('${ready ? 'ok' : 'the pool is empty'}')
  }
  response.end('${version} ' + ms(120000, { long: true }))
})
server.listen(Number(process.env.PORT), '127.0.0.1')
process.on('SIGTERM', () => server.close())
`

test.after(async () => {
  if (existsSync(join(project, 'config'))) await done(task(['services', 'down']))
  const left = await processesWith(base)
  assert.equal(left, [])
})

test('the tarball installs without development packages', async () => {
  await mkdir(project)
  // The runner has built dist.
  const packed = await done(
    run(['npm', 'pack', '--ignore-scripts', '--json', '--pack-destination', base], { cwd: repository, env }),
  )
  const tarball = packed.match(/"filename": "([^"]+\.tgz)"/)?.[1]
  assert.ok(tarball, packed)
  await write('package.json', '{ "name": "@acme/shop", "private": true, "type": "module" }\n')
  await done(npm(['install', join(base, tarball), '--omit=dev'], project))
  assert.equal(
    (await readdir(join(project, 'node_modules/.bin'))).filter((name) => /^(task|vital-ops)$/.test(name)),
    ['task', 'vital-ops'],
  )
  for (const name of ['typescript', 'uvu', '@biomejs']) assert.not.ok(existsSync(join(project, 'node_modules', name)))
})

test('what is published imports nothing but its dependencies, and is whole', async () => {
  const manifest = JSON.parse(await readFile(join(installed, 'package.json'), 'utf8'))
  const allowed = new Set([...Object.keys(manifest.dependencies), 'vital-ops'])
  const builtin = new Set(builtinModules)
  const files = (await readdir(join(installed, 'dist'))).filter((name) => /\.c?js$/.test(name))
  const wrong: string[] = []
  const used = new Set<string>()
  for (const file of files) {
    const text = await readFile(join(installed, 'dist', file), 'utf8')
    for (const [, from, dynamic, required] of text.matchAll(
      /\bfrom ["']([^"'\s$]+)["']|\bimport\("([^"\n]+)"\)|\brequire\("([^"\n]+)"\)/gm,
    )) {
      const specifier = from ?? dynamic ?? required ?? ''
      const name = specifier.startsWith('node:')
        ? specifier
        : specifier
            .split('/')
            .slice(0, specifier[0] === '@' ? 2 : 1)
            .join('/')
      if (name.startsWith('node:') || builtin.has(name)) continue
      if (name === '.' || name === '..') {
        if (!existsSync(join(installed, 'dist', specifier))) wrong.push(`${file}: ${specifier} is not in the package`)
        continue
      }
      used.add(name)
      if (!allowed.has(name)) wrong.push(`${file}: ${specifier}`)
    }
  }
  assert.equal(wrong, [])
  assert.ok(used.has('zod') && used.has('yaml') && used.has('esbuild'), [...used].join(' '))
  const promised = [
    ...Object.values(manifest.bin as Record<string, string>),
    './schemas/service.json',
    './dist/supervisor.js',
    ...Object.values(manifest.exports as Record<string, string | Record<string, string>>)
      .flatMap((entry) => (typeof entry === 'string' ? [entry] : Object.values(entry)))
      .filter((path) => !path.includes('*')),
  ]
  for (const path of promised) assert.ok(existsSync(join(installed, path)), path)
})

test('--init --ops makes a workspace whose types resolve', async () => {
  const text = await done(task(['--init', '--ops']))
  assert.match(text, /wrote bin\/deploy-production/)
  await write(
    'tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        target: 'es2022',
        lib: ['es2023'],
        module: 'nodenext',
        moduleResolution: 'nodenext',
        types: ['node'],
        strict: true,
        exactOptionalPropertyTypes: true,
        skipLibCheck: false,
        noEmit: true,
      },
      include: ['Taskfile.ts'],
    }),
  )
  const tsc = () =>
    run([process.execPath, join(repository, 'node_modules/typescript/bin/tsc'), '-p', '.'], { cwd: project })
  await done(tsc())
  const taskfile = await readFile(join(project, 'Taskfile.ts'), 'utf8')
  await write('Taskfile.ts', `${taskfile}\nexport const wrong = task({ description: 1 })\n`)
  assert.match(shown(await tsc()), /Taskfile\.ts\(\d+,\d+\): error TS2769/)
  await write('Taskfile.ts', taskfile)
})

test('setup dev works, with a service that has a dependency of its own', async () => {
  port = await freePort()
  const yaml = (await readFile(join(project, 'config/services/app.yaml'), 'utf8')).replace('18090', String(port))
  await write(
    'config/services/app.yaml',
    `${yaml}  deadline: 20s
build:
  command: [npm, ci, --no-audit, --no-fund, --prefer-offline]
  directory: services/app
`,
  )
  await write(
    'services/app/package.json',
    '{ "name": "app", "version": "1.0.0", "private": true, "type": "module", "dependencies": { "ms": "2.1.3" } }\n',
  )
  await write('services/app/main.mjs', program('v1', true))
  await done(npm(['install', '--package-lock-only', '--omit=dev'], join(project, 'services/app')))
  await done(run(['git', 'init', '-q', '-b', 'main'], { cwd: project }))
  await commit('v1')
  const text = await done(task(['setup', 'dev']))
  assert.match(text, /write .*\.env\.dev/)
  assert.is(await page(), 'v1 2 minutes')
  assert.match(await done(task(['setup', 'dev'])), /nothing was changed/)
})

test('deploy, a failed deploy that goes back, and a rollback', async () => {
  await done(task(['deploy', 'dev']))
  await write('services/app/main.mjs', program('v2', false))
  await commit('v2')
  const failed = await done(task(['deploy', 'dev']), 6)
  assert.match(failed, /503/)
  assert.is(await page(), 'v1 2 minutes')
  await write('services/app/main.mjs', program('v3', true))
  await commit('v3')
  await done(task(['deploy', 'dev']))
  assert.is(await page(), 'v3 2 minutes')
  await done(task(['rollback', 'dev']))
  assert.is(await page(), 'v1 2 minutes')
})

test('the scripts of bin/ and the linked commands work from another folder', async () => {
  const bin = (name: string, args: string[]) => run([join(project, 'bin', name), ...args], { cwd: base, env })
  await done(bin('health-check', ['dev']))
  assert.match(await done(run([join(project, 'node_modules/.bin/vital-ops'), '--version'], { cwd: base, env })), /\d/)
  assert.match(await done(task(['services', 'status'], join(project, 'services/app'))), /app.*running/)
  assert.match(await done(task(['--workspace', project, 'releases', 'dev'], base)), /current/)
  await done(bin('stop-services', []))
  await expectUnreachable()
  await done(bin('start-services', []))
  assert.is(await page(), 'v1 2 minutes')
})

test('down leaves nothing that runs', async () => {
  await done(task(['services', 'down']))
  assert.equal(await processesWith(base), [])
  await rm(join(project, '.ops'), { recursive: true })
})

async function expectUnreachable(): Promise<void> {
  const answer = await page().catch(() => undefined)
  assert.is(answer, undefined)
}

test.run()
