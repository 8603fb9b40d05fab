/**
 * Random programs and random edits of them: where the code of a task is said to be the same, the task gives what it gave before, also when another
 * one has run before it in the same process.
 */
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Task } from '../../../lib/task/definition.ts'
import { StatCache, statCachePath } from '../../../lib/task/fingerprint/stat-cache.ts'
import { TaskCode } from '../../../lib/task/fingerprint/task-code.ts'
import { loadTaskfile } from '../../../lib/task/load.ts'
import type { LoadedTasks } from '../../../lib/task/table.ts'
import { note, timeLimit } from '../../support/index.ts'
import { folderWith } from '../../support/workspace.ts'

timeLimit(900_000)

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

type Pick = <One>(from: readonly One[]) => One
type Files = Record<'a.ts' | 'b.ts' | 'lazy.ts' | 'Taskfile.ts', string[]>

/** Declarations of a name, and of what can be read of it. `R` is something that is read of a name that is there before, `N` such a name. */
const declarations: readonly [string, string][] = [
  ['const X = 1', 'X'],
  ['let X = 2', 'X'],
  ['const X = `t3 ${R}`', 'X'],
  ["const X = ['p', '4']", 'X.join()'],
  ["const X = { n: 5, list: ['q'], deep: { m: 6 } }", 'JSON.stringify(X)'],
  ['const X = { n: 7, next() { this.n += 1; return this.n } }', 'X.next()'],
  ['const X = { get n() { return R } }', 'X.n'],
  ['const X = () => R', 'X()'],
  ['const X = (o: any) => { try { o.n = (o.n ?? 0) + 8 } catch {} return o?.n }', 'X({ n: 9 })'],
  ['function X(o: any = {}) { return [R, typeof o].join() }', 'X()'],
  ['function X(o: any = 0) { X.calls = (X.calls ?? 0) + 10; return X.calls }', 'X()'],
  [
    'class X { static made = 11; n = 12; constructor() { X.made += 1 } get() { return [X.made, this.n, R].join() } }',
    'new X().get()',
  ],
  ['class X { n = 13; get() { return this.n } }', 'new X().get()'],
  ['const X = new Map([[1, 14]])', '[...X].join()'],
  ['const X = (() => { let n = 15; return () => { n += 1; return n } })()', 'X()'],
  ['const X = [N, N]', 'X.length + String(X[0])'],
  ['const X = { a: N, b: N }', 'String(X.a)'],
  ['const X = N', 'String(X)'],
  ['const X = () => N', 'String(X())'],
  ["const X = ['r', 's'].map((one) => one + 16)", 'X.join()'],
  ['let X: any; const Y = () => { X ??= { n: R }; return X }', 'JSON.stringify(Y())'],
  ['const X = { n: 17 }; const Y = (f: any) => f(X)', 'Y((one: any) => { one.n += 1; return one.n })'],
  ['const X: any[] = []; const Y = (f: any) => { X.push(f); return X.length }; Y(() => R)', 'X.map((f) => f()).join()'],
  ['const { n: X = 18, ...Y } = { n: 19, o: R } as any', '[X, JSON.stringify(Y)].join()'],
  ['const X = async () => (await import("./lazy.ts")).lazy(1)', 'await X()'],
  ['const X = class { static { (globalThis as any).seen = 20 } }', 'String((globalThis as any).seen ?? X.name)'],
]

/** What a statement at the top level, or in a task, may do to a name. */
const changes: readonly string[] = [
  'try { (N as any).n = 21 } catch {}',
  'try { (N as any).push?.("22") } catch {}',
  'try { (N as any).n += 1 } catch {}',
  'try { (N as any)(N) } catch {}',
  'try { (N as any).list.push("23") } catch {}',
  'try { Object.assign(N as any, { n: 24 }) } catch {}',
  'try { for (const one of N as any) one.n = 25 } catch {}',
  'try { const o: any = N; o.n = 26 } catch {}',
  'try { const { deep } = N as any; deep.m = 27 } catch {}',
  'try { (N as any)((o: any) => { o.n = 28 }) } catch {}',
  'try { (N as any)(() => 29) } catch {}',
  'try { (N as any).next() } catch {}',
  'try { [N].forEach((o: any) => { o.n = 30 }) } catch {}',
  'process.env.SEEN = "31"',
  '(globalThis as any).seen = 32',
  'try { R } catch {}',
]

class Program {
  readonly files: Files = { 'a.ts': [], 'b.ts': [], 'lazy.ts': [], 'Taskfile.ts': [] }
  readonly #pick: Pick
  readonly #below: (below: number) => number
  #names: { name: string; read: string }[] = []
  #count = 0

  constructor(below: (below: number) => number) {
    this.#below = below
    this.#pick = (from) => from[below(from.length)] as (typeof from)[number]
    const seen: { name: string; read: string }[][] = []
    for (const file of ['a.ts', 'b.ts'] as const) {
      this.#fill(file, 5)
      seen.push([...this.#names])
    }
    this.files['lazy.ts'].push(
      `import * as a from './a.ts'`,
      'let calls = 33',
      'export const lazy = (n: number) => { calls += n; return calls }',
    )
    this.files['Taskfile.ts'].push(`import { task } from 'vital-ops'`)
    this.#fill('Taskfile.ts', 5)
    const [inA, inB] = [seen[0]?.length ?? 0, seen[1]?.length ?? 0]
    const named = (names: { name: string }[]): string => names.map(({ name }) => name).join(', ')
    this.files['b.ts'].unshift(`import { ${named(this.#names.slice(0, inA))} } from './a.ts'`)
    this.files['Taskfile.ts'].unshift(
      `import { ${named(this.#names.slice(0, inA))} } from './a.ts'`,
      `import { ${named(this.#names.slice(inA, inB))} } from './b.ts'`,
    )
    for (const name of ['one', 'two', 'three', 'four', 'five']) {
      const body = [...Array(this.#below(3))].map(() => `${this.#filled(this.#pick(changes))}; `).join('')
      const reads = [...Array(1 + this.#below(2))].map(() => this.#pick(this.#names).read)
      const calls = name !== 'one' && this.#below(4) === 0 ? ', await run(one)' : ''
      const code = `inputs: ['x'], run: async ({ run }) => { ${body}return [34${reads.map((one) => `, ${one}`).join('')}${calls}].join(' ') }`
      const by = this.#below(4)
      if (by === 0)
        this.files['Taskfile.ts'].push(
          `const make${name} = (n: number) => task({ ${code.replace('34', 'n')} })`,
          `export const ${name} = make${name}(35)`,
        )
      else this.files['Taskfile.ts'].push(`export const ${name} = task({ ${code} })`)
    }
    this.files['Taskfile.ts'].push(
      `export default { inner: { six: task({ inputs: ['x'], run: () => String(${this.#pick(this.#names).read.replace('await ', '')}) }) } }`,
    )
  }

  #fill(file: keyof Files, many: number): void {
    for (let at = 0; at < many; at += 1) {
      if (this.#names.length > 2 && this.#below(5) === 0) this.files[file].push(this.#filled(this.#pick(changes)))
      const [declaration, read] = this.#pick(declarations)
      this.#count += 1
      const [name, other] = [`x${this.#count}`, `y${this.#count}`]
      const renamed = (text: string): string => text.replaceAll(/\bX\b/g, name).replaceAll(/\bY\b/g, other)
      this.files[file].push(renamed(this.#filled(declaration)))
      this.#names.push({ name, read: renamed(read) })
      if (/\bY\b/.test(declaration)) this.#names.push({ name: other, read: renamed(read) })
      if (file !== 'Taskfile.ts')
        this.files[file].push(`export { ${name}${/\bY\b/.test(declaration) ? `, ${other}` : ''} }`)
    }
  }

  #filled(text: string): string {
    const one = () => (this.#names.length === 0 ? { name: 'undefined', read: '36' } : this.#pick(this.#names))
    return text.replaceAll(/\bN\b/g, () => one().name).replaceAll(/\bR\b/g, () => one().read.replace('await ', ''))
  }

  /** Another number or statement somewhere. */
  edited(): Files {
    const files = structuredClone(this.files)
    const names = Object.keys(files) as (keyof Files)[]
    const lines = files[this.#pick(names)]
    const at = this.#below(lines.length)
    const kind = this.#below(6)
    const line = lines[at] as string
    if (kind === 0 && /^try|^process|^\(glob/.test(line)) lines.splice(at, 1)
    else if (kind === 1) lines.splice(lines.length, 0, this.#filled(this.#pick(changes)))
    else {
      const numbers = [...line.matchAll(/(?<![\w])\d+(?!\w)/g)]
      const one = numbers.length === 0 ? undefined : this.#pick(numbers)
      if (one)
        lines[at] =
          `${line.slice(0, one.index)}${Number(one[0]) + 50}${line.slice((one.index as number) + one[0].length)}`
      else lines.splice(at, 0, '// nothing')
    }
    return files
  }
}

/** By the name of a task: its code, and what it gives alone and behind another one. */
type Seen = Map<string, { code: string; gives: Map<string, string> }>

const folder = folderWith({ x: '' })
const file = join(folder, 'Taskfile.ts')

async function load(): Promise<LoadedTasks | undefined> {
  const { seen: _, ...rest } = globalThis as { seen?: unknown }
  void rest
  delete (globalThis as { seen?: unknown }).seen
  delete process.env.SEEN
  const table = await loadTaskfile(file)
  return table.ok ? table.value : undefined
}

const give = async (one: Task): Promise<string> => {
  const context: { run: (other: Task) => Promise<string> } = {
    run: async (other) => other.definition.run(context as never) as Promise<string>,
  }
  try {
    return String(await one.definition.run(context as never))
  } catch (error) {
    return `threw ${(error as Error).message}`
  }
}

async function look(files: Files, behind: ReadonlyMap<string, string>): Promise<Seen | undefined> {
  for (const [name, lines] of Object.entries(files)) writeFileSync(join(folder, name), `${lines.join('\n')}\n`)
  rmSync(join(folder, '.ops'), { recursive: true, force: true })
  const table = await load()
  if (table === undefined) return undefined
  const code = new TaskCode(table, new StatCache(statCachePath(folder)))
  const seen: Seen = new Map()
  for (const { name, task } of table.entries)
    seen.set(name, { code: JSON.stringify(Object.entries(code.of(task)).sort()), gives: new Map() })
  for (const [name, { gives }] of seen) {
    for (const first of [undefined, behind.get(name)]) {
      const fresh = await load()
      if (fresh === undefined) return undefined
      if (first !== undefined) await give(fresh.find(first) as Task)
      gives.set(first ?? '', await give(fresh.find(name) as Task))
    }
  }
  return seen
}

test('a task whose code is the same gives the same, whatever else was edited', async () => {
  const seeds = Number(process.env.SEEDS ?? 40)
  const from = Number(process.env.SEED ?? 1)
  const edits = 6
  const counts = { edits: 0, same: 0, changed: 0, needless: 0 }
  for (let seed = from; seed < from + seeds; seed += 1) {
    const below = random(seed)
    const program = new Program(below)
    const names = ['one', 'two', 'three', 'four', 'five', 'inner:six']
    const behind = new Map(names.map((name) => [name, names[below(names.length)] as string]))
    const before = await look(program.files, behind)
    if (before === undefined) continue
    for (let edit = 0; edit < edits; edit += 1) {
      const files = program.edited()
      const after = await look(files, behind)
      if (after === undefined) continue
      counts.edits += 1
      for (const [name, now] of after) {
        const was = before.get(name)
        if (was === undefined) continue
        const isSame = JSON.stringify([...was.gives]) === JSON.stringify([...now.gives])
        if (was.code === now.code) {
          const shown = () =>
            `seed ${seed}, edit ${edit}: ${name} gives ${JSON.stringify([...now.gives])} for ${JSON.stringify([...was.gives])}\n${JSON.stringify([program.files, files], null, 1)}`
          if (!isSame) assert.unreachable(shown())
          counts.same += 1
        } else if (isSame) counts.needless += 1
        else counts.changed += 1
      }
    }
  }
  note(
    `${counts.edits} edits: ${counts.same} tasks stay up to date, ${counts.changed} give something else, ${counts.needless} would run for nothing`,
  )
  assert.ok(counts.same > counts.edits / 4 && counts.changed > 0)
})

test.run()
