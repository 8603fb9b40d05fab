/**
 * Random sequences of what happens in a workspace, against a model of what a task's outputs depend on: a task is skipped exactly when nothing that
 * matters has changed since its last good run, and its outputs are always those of its inputs. The real binary, real files, real kill -9.
 */
import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, startTask, task, timeLimit, until } from '../../support/index.ts'
import { folderWith } from '../../support/workspace.ts'

timeLimit(600_000)

const taskfile = `
import { task, text } from 'vital-ops'
import { suffix } from './suffix.ts'
const script = 'echo >> runs; rm -rf out; mkdir out; echo half > out/all; touch begun; while [ -e hold ]; do sleep 0.02; done; ' +
  '(cd src && find . -type f ! -name "*.skip" | LC_ALL=C sort | while read -r f; do echo "$f $( [ -x "$f" ] && echo x ) $(cat "$f")"; done; echo "$1 $2 $MODE") > out/all'
export const build = task({
  inputs: ['src/**', '!src/**/*.skip'], outputs: ['out/**'], env: ['MODE'], args: { word: text().default('w') },
  run: async ({ $, args }) => void (await $\`sh -c \${script} sh \${args.word} \${suffix}\`),
})
`

/** A generator of numbers that is the same for the same seed (mulberry32). */
function random(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296) * below)
  }
}

class World {
  readonly folder = folderWith({
    'Taskfile.ts': taskfile,
    'suffix.ts': "export const suffix = 's0'\n",
    'src/a': 'a',
    'src/d/b': 'b',
    'src/c.skip': 'c',
  })
  readonly pick: (below: number) => number
  suffix = 's0'
  mode = 'm0'
  word = 'w'
  /** By word: what the last good run that nothing came after was made of; none after one that failed. */
  readonly last = new Map<string, string>()
  /** All that was made by good runs, which the cache may bring back. */
  readonly made = new Set<string>()
  count = 0
  skipped = 0
  restored = 0
  killed = 0

  constructor(seed: number) {
    this.pick = random(seed)
  }

  path = (...names: string[]): string => join(this.folder, ...names)
  runs = (): number => (existsSync(this.path('runs')) ? readFileSync(this.path('runs'), 'utf8').length : 0)

  files(): string[] {
    return (readdirSync(this.path('src'), { recursive: true }) as string[])
      .filter((name) => statSync(this.path('src', name)).isFile())
      .sort()
  }

  /** What the outputs are to be, which is also what the task depends on. */
  expected(): string {
    const lines = this.files()
      .filter((name) => !name.endsWith('.skip'))
      .map((name) => [`./${name}`, this.path('src', name)] as const)
      .sort(([one], [other]) => (one < other ? -1 : 1))
      .map(([name, path]) => {
        const isProgram = (statSync(path).mode & 0o111) !== 0
        return `${name} ${isProgram ? 'x' : ''} ${readFileSync(path, 'utf8')}\n`
      })
    return `${lines.join('')}${this.word} ${this.suffix} ${this.mode}\n`
  }

  anyFile(): string {
    const files = this.files()
    return files.length === 0 ? this.add() : (files[this.pick(files.length)] as string)
  }

  add(): string {
    const name = ['e', 'd/e', 'd/f/g', 'x y', 'n.skip', 'ö'][this.pick(6)] as string
    mkdirSync(dirname(this.path('src', name)), { recursive: true })
    writeFileSync(this.path('src', name), `v${this.pick(3)}`)
    return name
  }

  /** Something that may or may not matter. */
  change(): string {
    const name = this.anyFile()
    const path = this.path('src', name)
    switch (this.pick(14)) {
      case 0:
      case 1:
        writeFileSync(path, `v${this.pick(3)}`)
        return `write ${name}`
      case 2: {
        // Other bytes of the same size and time.
        const { atime, mtime } = statSync(path)
        const text = readFileSync(path, 'utf8')
        writeFileSync(
          path,
          text.replace(/.$/, (last) => (last === '1' ? '2' : '1')),
        )
        utimesSync(path, atime, mtime)
        return `write ${name} and keep its time`
      }
      case 3:
        utimesSync(path, new Date(), new Date())
        return `touch ${name}`
      case 4:
        rmSync(path)
        return `delete ${name}`
      case 5: {
        const to = ['r', 'd/r', 'r.skip'][this.pick(3)] as string
        mkdirSync(dirname(this.path('src', to)), { recursive: true })
        renameSync(path, this.path('src', to))
        return `rename ${name} to ${to}`
      }
      case 6:
        chmodSync(path, this.pick(2) === 0 ? 0o644 : 0o755)
        return `mode of ${name}`
      case 7:
        return `add ${this.add()}`
      case 8:
        this.mode = `m${this.pick(2)}`
        return `MODE=${this.mode}`
      case 9:
        this.suffix = `s${this.pick(2)}`
        writeFileSync(this.path('suffix.ts'), `export const suffix = '${this.suffix}'\n`)
        return `code: ${this.suffix}`
      case 10:
        this.word = this.pick(2) === 0 ? 'w' : 'other'
        return `argument ${this.word}`
      case 11:
        rmSync(this.path('out'), { recursive: true, force: true })
        return 'outputs deleted'
      case 12:
        if (existsSync(this.path('out/all'))) appendFileSync(this.path('out/all'), 'tampered')
        return 'output changed'
      default:
        return 'nothing'
    }
  }

  readonly options = () => ({ cwd: this.folder, env: { MODE: this.mode } })
  readonly words = () => ['build', '--word', this.word]

  /** Runs the task to its good end, and holds it to the model. */
  async build(history: readonly string[]): Promise<void> {
    const expected = this.expected()
    const before = this.runs()
    const wasRight = existsSync(this.path('out/all')) && readFileSync(this.path('out/all'), 'utf8') === expected
    const ended = await task(this.words(), this.options())
    const ran = this.runs() - before
    const story = `${history.join('; ')}\n${ended.stderr}`
    assert.is(ended.status, 0, story)
    assert.is(readFileSync(this.path('out/all'), 'utf8'), expected, story)
    assert.equal(readdirSync(this.path('out')), ['all'], story)
    if (this.last.get(this.word) === expected && wasRight) assert.is(ran, 0, `ran in vain: ${story}`)
    if (!this.made.has(expected)) assert.is(ran, 1, `was never made: ${story}`)
    else assert.is(ran, 0, `the cache has it: ${story}`)
    if (ran === 0) {
      if (ended.stderr.includes('restored')) this.restored += 1
      else this.skipped += 1
    }
    this.last.set(this.word, expected)
    this.made.add(expected)
    this.count += 1
  }

  /** Starts the task, changes an input or kills it on the way, and lets it end. */
  async disturb(): Promise<string> {
    rmSync(this.path('begun'), { force: true })
    writeFileSync(this.path('hold'), '')
    const running = startTask(['--force', ...this.words()], this.options())
    await until(() => existsSync(this.path('begun')), { what: 'the task to be at work', deadline: 30_000 })
    const isKilled = this.pick(2) === 0
    this.last.delete(this.word)
    if (isKilled) process.kill(running.pid, 'SIGKILL')
    else writeFileSync(this.path('src/a'), `w${this.pick(100_000)}`)
    if (isKilled) await running.ended
    rmSync(this.path('hold'))
    await running.ended
    if (isKilled) this.killed += 1
    return isKilled ? 'killed at work' : 'input changed at work'
  }
}

for (const seed of [1, 2, 3, 4]) {
  test(`a task is skipped exactly when nothing that matters has changed (seed ${seed})`, async () => {
    const world = new World(seed)
    const history: string[] = []
    await world.build(history)
    for (let step = 0; step < 36; step += 1) {
      if (world.pick(5) === 0) history.push(await world.disturb())
      else for (let count = world.pick(3); count >= 0; count -= 1) history.push(world.change())
      history.push('build')
      await world.build(history.slice(-12))
    }
    const { count, skipped, restored, killed } = world
    note(`seed ${seed}: ${count} builds, ${skipped} up to date, ${restored} restored, ${killed} killed`)
    assert.ok(skipped > 2 && restored > 2)
  })
}

test.run()
