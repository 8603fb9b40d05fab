import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `import { task } from 'vital-ops'
import { explode, rejects, Shop, type Goods } from './lib/helper.ts'

interface Unused { a: number }
const goods: Goods = { n: 1 }

export const sync = task({ run() { explode(goods) } })
export const later = task({ async run() { await rejects() } })
export const method = task({ run: () => new Shop().open() })
export const lazy = task({ async run() { (await import('./lib/lazy.ts')).boom() } })
export const computed = task({ async run() { const path = './lib/lazy.ts'; (await import(path)).boom() } })
export const command = task({ run: ({ $ }) => new Shop().buy($) })
export const wrapped = task({ run() { try { explode(goods) } catch (cause) { throw new Error('outer', { cause }) } } })
export const stack = task({ run() { try { explode(goods) } catch (error) { return (error as Error).stack } }, render: String })
`
const files = {
  'lib/helper.ts': `import type { Shell } from 'vital-ops'
/** What is sold. */
export type Goods = { n: number }

export function explode(goods: Goods): never {
  // Types and comments move lines of what runs.
  const inner = (): never => {
    throw new TypeError(\`bad \${goods.n}\`)
  }
  return inner()
}

export async function rejects(): Promise<void> {
  await new Promise((done) => setImmediate(done))
  return void (undefined as unknown as { a: { b: 1 } }).a.b
}

export class Shop {
  open(): void { throw Object.assign(new RangeError('closed'), { code: 'E_CLOSED' }) }
  async buy($: Shell): Promise<void> {
    await $\`exit 7\`
  }
}
`,
  'lib/lazy.ts': '\n\nexport const boom = (): never => { throw new Error("lazy") }\n',
}

/** Where what each task throws is, and what it says. */
const places: readonly [name: string, place: string, message: RegExp][] = [
  ['sync', 'lib/helper.ts:8:11', /TypeError: bad 1/],
  ['later', 'lib/helper.ts:15:57', /TypeError: Cannot read properties of undefined/],
  ['method', 'lib/helper.ts:19:38', /RangeError: closed/],
  ['lazy', 'lib/lazy.ts:3:42', /lazy/],
  ['computed', 'lib/lazy.ts:3:42', /lazy/],
  ['command', 'lib/helper.ts:21:11', /exit 7/],
  ['wrapped', 'Taskfile.ts:13:84', /outer/],
]

// A Taskfile that awaits at its top runs as a module, any other as CommonJS: they get at their source maps in different ways.
for (const [kind, end] of [
  ['CommonJS', ''],
  ['a module', 'await null\n'],
] as const) {
  test(`what a task throws is told with its place in the sources, on the terminal and as JSON: ${kind}`, async () => {
    const folder = folderWith({ ...files, 'Taskfile.ts': taskfile + end })
    for (const [name, place, message] of places) {
      const { stderr, status } = await task([name], { cwd: folder })
      assert.is(status, name === 'command' ? 7 : 1, name)
      assert.match(stderr, message)
      assert.match(stderr, `\n  at ${place}\n`, name)
      const { stdout } = await task(['--json', name], { cwd: folder })
      const { file, line, column } = JSON.parse(stdout).failures[0].place
      assert.is(`${file}:${line}:${column}`, join(folder, place), name)
    }
    const { stdout } = await task(['stack'], { cwd: folder })
    const frames = [...stdout.matchAll(/\(?(\/[^\s()]+)\)?$/gm)].map(([, place]) => place)
    assert.equal(
      frames.slice(0, 3),
      ['lib/helper.ts:8:11', 'lib/helper.ts:10:10', 'Taskfile.ts:14:43'].map((place) => join(folder, place)),
    )
  })
}

test.run()
