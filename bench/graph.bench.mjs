// @ts-check
/** What many tasks cost: 1,000 to 50,000 that do nothing, which one task needs, and two that sleep beside each other. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compare, median, once, residentMegabytes } from './support/measure.mjs'

/** They resolve names and start nothing: what they do is not what a runner does. Shown, and not among the claims. */
const native = new Set(['make', 'just, empty recipes'])

/** The peers, and the most tasks with which each is measured in every round; beyond, `fewer` starts in all, or none. */
const peers = /** @type {const} */ ([
  { name: 'make', most: 50_000, fewer: 0 },
  { name: 'just, empty recipes', most: 5_000, fewer: 0 },
  { name: 'just, a command each', most: 0, fewer: 1 },
  { name: 'wireit', most: 0, fewer: 1 },
  { name: 'turbo', most: 0, fewer: 1 },
  { name: 'mise', most: 0, fewer: 1 },
])

/** @type {import('./run.mjs').Part & { peers: string[] }} */
export default {
  order: 40,
  peers: [...new Set(peers.map(({ name }) => programOf(name)))],
  run({ rounds, folder, task, peers: found }) {
    const own = (/** @type {number} */ count) => ({
      name: `task, ${count.toLocaleString('en')} tasks`,
      argv: /** @type {const} */ ([process.execPath, task, '--output=quiet', 'all']),
      cwd: ownFolder(join(folder, 'task'), count),
    })
    const start = own(0)
    const net = (/** @type {string} */ name) => (/** @type {(name: string) => number} */ ms) =>
      ms(name) - ms(start.name)
    const growth = compare(
      'Tasks that do nothing, needed by one: growth',
      [start, own(1_000), own(5_000), own(50_000)],
      {
        rounds,
        claims: [
          { text: '5,000 tasks, net of start', value: net(own(5_000).name), atMost: 100, unit: 'ms' },
          {
            text: '50,000 ÷ 5,000 tasks, both net of start',
            value: (ms) => net(own(50_000).name)(ms) / net(own(5_000).name)(ms),
            atMost: 12,
          },
        ],
      },
    )
    const memory = residentMegabytes(own(50_000))
    growth.verdicts.push({
      text: 'most memory with 50,000 tasks',
      value: memory,
      atMost: 250,
      unit: 'MB',
      holds: memory <= 250,
    })
    return [growth, ...[1_000, 5_000].map((count) => against(count)), parallel()]

    /** @param {number} count */
    function against(count) {
      const ours = own(count)
      /** @type {import('./support/measure.mjs').Case[]} */
      const inRounds = [ours]
      /** @type {string[]} */
      const notes = [
        'Ours run a function each, and are recorded. make and just with empty recipes start and record nothing: they are shown, and not among the claims; just with a command in each recipe is.',
      ]
      /** @type {import('./support/measure.mjs').Verdict[]} */
      const verdicts = []
      /** @type {[string, number][]} */
      const slow = []
      for (const { name, most, fewer } of peers) {
        const peer = found.get(programOf(name))
        if (!peer) notes.push(`${name} is not there`)
        else {
          const one = { name, ...peerCase(name, peer, join(folder, name, String(count)), count) }
          if (count <= most) inRounds.push(one)
          else if (fewer > 0) {
            const times = Array.from({ length: fewer }, (_, round) => once(one, round))
            notes.push(
              `${name}: ${Math.round(median(times))} ms, ${fewer === 1 ? 'started once' : `median of ${fewer}`}, for it is slow`,
            )
            slow.push([name, median(times)])
          }
        }
      }
      const others = inRounds.slice(1).map(({ name }) => name)
      const table = compare(`${count.toLocaleString('en')} tasks that do nothing`, inRounds, {
        rounds,
        claims: others
          .filter((name) => !native.has(name))
          .map((name) => ({ text: `${ours.name} ÷ ${name}`, value: (ms) => ms(ours.name) / ms(name), atMost: 1 })),
        notes,
      })
      const mine = table.times.find(({ name }) => name === ours.name)?.median ?? 0
      for (const [name, ms] of slow) {
        verdicts.push({ text: `${ours.name} ÷ ${name}`, value: mine / ms, atMost: 1, unit: '×', holds: mine <= ms })
      }
      return { ...table, verdicts: [...table.verdicts, ...verdicts] }
    }

    /** Two commands that sleep, beside each other. */
    function parallel() {
      const at = join(folder, 'parallel')
      write(at, {
        'Taskfile.ts':
          "import { task } from 'vital-ops'\nconst sleeper = () => task({ run: async ({ $ }) => void (await $`sleep 1`) })\n" +
          'export const none = task({ run: async ({ $ }) => void (await $`true`) })\nexport const both = task({ needs: { a: sleeper(), b: sleeper() }, run() {} })\n',
        Makefile: 'both: a b\na b:\n\t@sleep 1\nnone:\n\t@true\n.PHONY: a b both none\n',
      })
      const ours = (/** @type {string} */ word) => ({
        name: `task ${word}`,
        argv: /** @type {const} */ ([process.execPath, task, '-j2', '--output=quiet', word]),
        cwd: at,
      })
      const theirs = (/** @type {string} */ word) => ({
        name: `make -j2 ${word}`,
        argv: /** @type {const} */ (['make', '-j2', word]),
        cwd: at,
      })
      if (!found.has('make')) return compare('Two sleep 1 beside each other', [ours('none'), ours('both')], { rounds })
      return compare('Two sleep 1 beside each other', [ours('none'), ours('both'), theirs('none'), theirs('both')], {
        rounds,
        claims: [
          {
            text: 'task ÷ make -j2, both net of start',
            value: (ms) => (ms('task both') - ms('task none')) / (ms('make -j2 both') - ms('make -j2 none')),
            atMost: 1.05,
          },
        ],
      })
    }
  },
}

/**
 * A workspace with so many tasks, and one that needs them all.
 *
 * @param {string} parent
 * @param {number} count
 */
function ownFolder(parent, count) {
  const at = join(parent, String(count))
  write(at, {
    'Taskfile.ts': [
      "import { task, type Task } from 'vital-ops'",
      'const jobs: Record<string, Task> = {}',
      `for (let at = 0; at < ${count}; at += 1) jobs['job' + at] = task({ run() {} })`,
      'export const all = task({ needs: jobs, run() {} })',
      'export default jobs',
      '',
    ].join('\n'),
  })
  return at
}

/** @param {string} name */
function programOf(name) {
  return /** @type {string} */ (name.split(',')[0])
}

/**
 * The same for a peer.
 *
 * @param {string} name
 * @param {{ program: string, modules: string }} peer
 * @param {string} cwd
 * @param {number} count
 * @returns {{ argv: [string, ...string[]], cwd: string, env?: Record<string, string> }}
 */
function peerCase(name, { program, modules }, cwd, count) {
  const jobs = Array.from({ length: count }, (_, at) => `job${at}`)
  switch (name) {
    case 'make':
      write(cwd, { Makefile: `all: ${jobs.join(' ')}\n${jobs.join(' ')}:\n.PHONY: all ${jobs.join(' ')}\n` })
      return { argv: [program, 'all'], cwd }
    case 'just, empty recipes':
      write(cwd, { justfile: `all: ${jobs.join(' ')}\n${jobs.map((job) => `${job}:\n`).join('')}` })
      return { argv: [program, 'all'], cwd }
    case 'just, a command each':
      write(cwd, { justfile: `all: ${jobs.join(' ')}\n${jobs.map((job) => `${job}:\n  @true\n`).join('')}` })
      return { argv: [program, 'all'], cwd }
    case 'mise':
      write(cwd, {
        'mise.toml': `[tasks.all]\ndepends = ${JSON.stringify(jobs)}\n${jobs.map((job) => `[tasks.${job}]\n`).join('')}`,
      })
      return {
        argv: [program, 'run', 'all'],
        cwd,
        env: { MISE_TRUSTED_CONFIG_PATHS: cwd, MISE_YES: '1', MISE_OFFLINE: '1' },
      }
    case 'wireit':
      write(cwd, {
        'package.json': JSON.stringify({
          scripts: { all: 'wireit' },
          // A script of wireit that does nothing must depend on one that does.
          wireit: {
            all: { dependencies: jobs },
            leaf: { command: 'true' },
            ...Object.fromEntries(jobs.map((job) => [job, { dependencies: ['leaf'] }])),
          },
        }),
      })
      return { argv: ['npm', 'run', 'all'], cwd, env: { PATH: `${join(modules, '.bin')}:${process.env.PATH}` } }
    case 'turbo':
      write(cwd, {
        'package.json': JSON.stringify({ name: 'bench', packageManager: 'npm@10.0.0', scripts: { all: 'true' } }),
        'package-lock.json': JSON.stringify({ name: 'bench', lockfileVersion: 3, packages: { '': { name: 'bench' } } }),
        'turbo.json': JSON.stringify({
          tasks: {
            all: { dependsOn: jobs, cache: false },
            ...Object.fromEntries(jobs.map((job) => [job, { cache: false }])),
          },
        }),
      })
      return { argv: [program, 'run', 'all', '--ui=stream'], cwd, env: { TURBO_TELEMETRY_DISABLED: '1' } }
    default:
      throw new Error(`no graph is known for ${name}`)
  }
}

/**
 * @param {string} folder
 * @param {Record<string, string>} files
 */
function write(folder, files) {
  mkdirSync(folder, { recursive: true })
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text)
}
