// @ts-check
/** A task with 10,000 inputs in 100 folders: nothing changed, and one changed. */
import { execFileSync } from 'node:child_process'
import { appendFileSync, cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { below, compare, once, ratio } from './support/measure.mjs'

const folders = 100
const filesEach = 100

/** @type {import('./run.mjs').Part} */
export default {
  order: 40,
  peers: ['turbo', 'mise', 'wireit', 'make'],
  async run({ rounds, folder, task, peers }) {
    const sources = join(folder, 'sources')
    for (let at = 0; at < folders; at += 1) {
      mkdirSync(join(sources, `part${at}`), { recursive: true })
      for (let file = 0; file < filesEach; file += 1) {
        writeFileSync(
          join(sources, `part${at}`, `file${file}.ts`),
          `export const value = ${at * filesEach + file}\n`.repeat(20),
        )
      }
    }
    const cases = [ours(folder, task), walk(folder), known(folder), ...others(folder, peers)]
    for (const one of cases) cpSync(sources, join(one.cwd, 'src'), { recursive: true })
    for (const { cwd, prepare } of cases) prepare?.(cwd)
    // Files that changed just now are read again by all who are careful: they come to rest, and are noted.
    for (let turn = 0; turn < 2; turn += 1) {
      await new Promise((resolve) => setTimeout(resolve, 2100))
      for (const one of cases) once(one)
    }
    const names = [...peers.keys()]
    const edit = (/** @type {string} */ cwd) => (/** @type {number} */ round) =>
      appendFileSync(join(cwd, 'src', `part${(round + folders) % folders}`, 'file7.ts'), `// ${round}\n`)
    return [
      compare('10,000 inputs, nothing changed', cases, {
        rounds,
        claims: [
          ratio(own, bare, 1.5),
          ...below(
            own,
            names.filter((name) => name === 'turbo' || name === 'mise'),
          ),
        ],
      }),
      compare(
        '10,000 inputs, 1 changed',
        cases.map((one) => ({ ...one, before: edit(one.cwd) })),
        {
          rounds,
          claims: [
            ratio(own, bare, 1.5),
            ...below(
              own,
              names.filter((name) => name === 'turbo' || name === 'mise'),
            ),
          ],
          notes: [
            'The task looks as far as the change, starts its command (`true`), and then looks at all inputs, also whether one was written to meanwhile, in which case it would not be up to date; the walk looks once, and starts nothing.',
          ],
        },
      ),
    ]
  },
}

const own = 'task'
const bare = 'walk with stat in Node'

/** A case and how its folder is made ready. @typedef {import('./support/measure.mjs').Case & { cwd: string, prepare?: (folder: string) => void }} Prepared */

/**
 * @param {string} folder
 * @param {string} task
 * @returns {Prepared}
 */
function ours(folder, task) {
  const cwd = folderOf(folder, 'ours', {
    'Taskfile.ts':
      "import { task } from 'vital-ops'\nexport const build = task({ inputs: ['src/**/*.ts'], async run({ $ }) { await $`true` } })\n",
  })
  return { name: own, argv: [process.execPath, task, 'build'], cwd }
}

/**
 * @param {string} folder
 * @returns {Prepared}
 */
function walk(folder) {
  const cwd = folderOf(folder, 'walk', {
    'walk.cjs': `const fs = require('node:fs')
function walk(folder) {
  for (const entry of fs.readdirSync(folder, { withFileTypes: true })) {
    const path = folder + '/' + entry.name
    if (entry.isDirectory()) walk(path)
    else fs.lstatSync(path)
  }
}
walk('src')
`,
  })
  return { name: bare, argv: [process.execPath, 'walk.cjs'], cwd }
}

/**
 * The least that a program in Node can do: it has the paths, and looks at each.
 *
 * @param {string} folder
 * @returns {Prepared}
 */
function known(folder) {
  const paths = Array.from({ length: folders * filesEach }, (_, at) => {
    return join('src', `part${Math.floor(at / filesEach)}`, `file${at % filesEach}.ts`)
  })
  const cwd = folderOf(folder, 'known', {
    paths: paths.join('\n'),
    'known.cjs': `const fs = require('node:fs')
for (const path of fs.readFileSync('paths', 'utf8').split('\\n')) fs.lstatSync(path)
`,
  })
  return { name: 'stat of known paths in Node', argv: [process.execPath, 'known.cjs'], cwd }
}

/**
 * @param {string} folder
 * @param {ReadonlyMap<string, import('./support/peers.mjs').Peer>} peers
 * @returns {Prepared[]}
 */
function others(folder, peers) {
  /** @type {Prepared[]} */
  const cases = []
  const [turbo, mise, wireit, make] = ['turbo', 'mise', 'wireit', 'make'].map((name) => peers.get(name))
  if (turbo) {
    const cwd = folderOf(folder, 'turbo', {
      'package.json': JSON.stringify({
        name: 'bench',
        version: '1.0.0',
        packageManager: 'npm@10.0.0',
        scripts: { build: 'true' },
      }),
      'package-lock.json': JSON.stringify({ name: 'bench', version: '1.0.0', lockfileVersion: 3, packages: {} }),
      'turbo.json': JSON.stringify({ tasks: { build: { inputs: ['src/**/*.ts'], outputs: [] } } }),
      '.gitignore': '.turbo\nnode_modules\n',
    })
    const env = { TURBO_TELEMETRY_DISABLED: '1', DO_NOT_TRACK: '1', TURBO_NO_UPDATE_NOTIFIER: '1' }
    cases.push({
      name: 'turbo',
      argv: [turbo.program, 'run', 'build'],
      cwd,
      env,
      prepare: asRepository,
    })
  }
  if (mise) {
    const cwd = folderOf(folder, 'mise', {
      'mise.toml': '[tasks.build]\nrun = "touch done"\nsources = ["src/**/*.ts"]\noutputs = ["done"]\n',
    })
    const env = { MISE_TRUSTED_CONFIG_PATHS: folder, MISE_OFFLINE: '1' }
    cases.push({ name: 'mise', argv: [mise.program, 'run', 'build'], cwd, env })
  }
  if (wireit) {
    const cwd = folderOf(folder, 'wireit', {
      'package.json': JSON.stringify({
        name: 'bench',
        scripts: { build: 'wireit' },
        wireit: { build: { command: 'true', files: ['src/**/*.ts'], output: [], packageLocks: [] } },
      }),
    })
    const env = {
      npm_lifecycle_event: 'build',
      npm_package_json: join(cwd, 'package.json'),
      npm_config_user_agent: 'npm/10.0.0',
    }
    cases.push({ name: 'wireit', argv: [wireit.program], cwd, env })
  }
  if (make) {
    const cwd = folderOf(folder, 'make', {
      Makefile: 'inputs := $(wildcard src/*/*.ts)\ndone: $(inputs)\n\t@true && touch done\n',
    })
    cases.push({ name: 'make', argv: [make.program], cwd })
  }
  return cases
}

/** turbo lists and hashes what git knows. @param {string} folder */
function asRepository(folder) {
  const git = (/** @type {string[]} */ ...words) =>
    execFileSync('git', ['-c', 'user.name=bench', '-c', 'user.email=bench@localhost', ...words], {
      cwd: folder,
      stdio: 'ignore',
    })
  git('init', '-q')
  git('add', '.')
  git('commit', '-qm', 'sources')
}

/**
 * @param {string} folder
 * @param {string} name
 * @param {Readonly<Record<string, string>>} files
 */
function folderOf(folder, name, files) {
  const made = join(folder, name)
  mkdirSync(made, { recursive: true })
  for (const [file, text] of Object.entries(files)) writeFileSync(join(made, file), text)
  return made
}
