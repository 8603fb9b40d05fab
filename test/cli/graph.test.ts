import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { run, task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `
import { choice, task, text } from 'vital-ops'
const generate = task({ description: 'Generate "code" & <types>', hidden: true, run() {} })
export const build = task({ description: 'Compile\\nin two lines', args: { target: choice(['image', 'files']).default('files') }, needs: { generate }, run() {} })
export const test = task({ needs: { build }, run() {} })
export const lint = task({ run() {} })
const up = task({ needs: { image: build.with({ target: 'image' }) }, run() {} })
export const services = task({ commands: { up, down: task({ run() {} }) }, defaultCommand: 'up' })
export const release = task({ needs: { test, build, services, lint }, args: { channel: text().optional() }, run() {} })
export const quiet = task({ hidden: true, needs: { lint }, run() {} })
export default { odd: { 'a.b': task({ needs: { it: build.with({ target: 'image' }) }, run() {} }) } }
`
const folder = folderWith({ 'Taskfile.ts': taskfile })
const graph = (...words: string[]) => task(['graph', ...words], { cwd: folder })

test('the tree of a task: each once, what is there already is marked', async () => {
  const { stdout, stderr, status } = await graph('release')
  assert.is(stderr, '')
  assert.is(
    stdout,
    `release
├─ test
│  └─ build
│     └─ generate
├─ build (*)
├─ services up
│  └─ build (target: 'image')
│     └─ generate
└─ lint

(*) needs what is shown above
`,
  )
  assert.is(status, 0)
})

test('the tree of all: hidden tasks only where they are needed; commands by their full names', async () => {
  const { stdout } = await graph()
  assert.equal(
    stdout
      .split('\n')
      .filter((line) => /^\S/.test(line) && !line.startsWith('(*)'))
      .filter((line) => !/^[├└│]/.test(line)),
    ['odd:a.b', 'release', 'services down'],
  )
  assert.not.match(stdout, /quiet/)
  assert.match((await graph('quiet')).stdout, /^quiet\n└─ lint\n$/)
  assert.match(
    (await graph('services', 'lint')).stdout,
    /^services up\n└─ build \(target: 'image'\)\n {3}└─ generate\nlint\n$/,
  )
  assert.match((await graph('services down')).stdout, /^services down\n$/)
})

test('an unknown name or format is refused with the nearest', async () => {
  const name = await graph('relaese')
  assert.match(name.stderr, /unknown task relaese; did you mean release\?/)
  const format = await graph('--format', 'dott')
  assert.match(format.stderr, /expected one of tree, mermaid, dot, svg, json.*did you mean dot\?/)
  assert.equal([name.status, format.status, name.stdout, format.stdout], [2, 2, '', ''])
})

test('as data: nodes, edges, roots; by --json with the outcome', async () => {
  const plain = JSON.parse((await graph('test', '--format', 'json')).stdout)
  assert.equal(plain, {
    roots: ['test'],
    nodes: [
      { id: 'test', name: 'test', hidden: false },
      { id: 'build', name: 'build', description: 'Compile', hidden: false },
      { id: 'generate', name: 'generate', description: 'Generate "code" & <types>', hidden: true },
    ],
    edges: [
      { from: 'test', to: 'build', kind: 'needs' },
      { from: 'build', to: 'generate', kind: 'needs' },
    ],
  })
  assert.equal(JSON.parse((await graph('test', '--json')).stdout), { outcome: 'done', exitCode: 0, graph: plain })
})

test('Mermaid: labels hold what names and arguments hold', async () => {
  assert.is(
    (await graph('services', '--format', 'mermaid')).stdout,
    `flowchart LR
  t1["services up"]
  t2["build #40;target: 'image'#41;"]
  t3["generate"]
  t1 --> t2
  t2 --> t3
`,
  )
})

test('DOT is read by Graphviz, with every name, tooltip and edge', async () => {
  const dot = (await graph('--format', 'dot')).stdout
  const { stdout, stderr, status } = await run(['dot', '-Tjson'], { input: dot })
  assert.is(stderr, '')
  assert.is(status, 0)
  const { objects, edges } = JSON.parse(stdout) as {
    objects: { name: string; tooltip?: string }[]
    edges: { tail: number; head: number }[]
  }
  const expected = JSON.parse((await graph('--format', 'json')).stdout)
  const names = objects.map(({ name }) => name)
  assert.equal(
    names,
    expected.nodes.map(({ id }: { id: string }) => id),
  )
  assert.is(objects.find(({ name }) => name === 'generate')?.tooltip, 'Generate "code" & <types>')
  assert.equal(
    edges.map(({ tail, head }) => `${names[tail]} → ${names[head]}`).sort(),
    expected.edges.map(({ from, to }: { from: string; to: string }) => `${from} → ${to}`).sort(),
  )
})

test('optional needs and tasks that run at the end are marked', async () => {
  const own = folderWith({
    'Taskfile.ts': `import { optional, task } from 'vital-ops'
const stop = task({ run() {} })
const report = task({ run() {} })
export const e2e = task({ needs: { report: optional(report) }, finally: { stop }, run() {} })`,
  })
  const text = async (format: string) => (await task(['graph', '--format', format], { cwd: own })).stdout
  assert.is(await text('tree'), 'e2e\n├─ report (optional)\n└─ stop (finally, whatever happens)\n')
  assert.match(await text('mermaid'), /t1 -\.->\|optional\| t2\n {2}t1 -\.->\|finally\| t3/)
  const { stderr, status } = await run(['dot', '-Tcanon'], { input: await text('dot') })
  assert.equal([stderr, status], ['', 0])
  assert.match(await text('svg'), /class="edge optional"[\s\S]*class="edge finally"/)
})

test('tasks that need each other are drawn as they are', async () => {
  const circle = folderWith({
    'Taskfile.ts': `import { task } from 'vital-ops'
const needs: Record<string, ReturnType<typeof task>> = {}
export const a = task({ needs, run() {} })
export const b = task({ needs: { a }, run() {} })
needs.b = b
export const top = task({ needs: { lone: task({ run() {} }) }, run() {} })`,
  })
  assert.is(
    (await task(['graph'], { cwd: circle })).stdout,
    'top\n└─ lone\na\n└─ b\n   └─ a (*)\n\n(*) needs what is shown above\n',
  )
})

test.run()
