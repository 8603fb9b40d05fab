import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { type Browser, startBrowser } from '../support/browser.ts'
import { note, task, until } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `
import { task } from 'vital-ops'
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
const quick = task({ async run() { await sleep(20) } })
const generate = task({ async run({ step }) { await step('schemas', () => sleep(60)); await step('clients', () => sleep(60)) } })
const compile = task({ needs: { generate }, async run() { await sleep(200) } })
const lint = task({ needs: { generate }, async run({ $ }) { await $\`echo looks good\` } })
export const hidden = task({ hidden: true, async run() { await sleep(40) } })
export const check = task({ needs: { compile, lint, quick }, async run({ $, run }) {
  await run(hidden)
  await $\`seq -f 'check %g' 30; echo '<b>1 &amp; 2</b></script>' >&2; exit 4\`
} })
export const all = task({ needs: { check }, async run() {} })
const copy = task({ inputs: ['input'], outputs: ['output'], async run({ $ }) { await $\`cp input output\` } })
const read = task({ inputs: ['input'], async run() {} })
export const cached = task({ needs: { copy, read }, async run() {} })
const leaves = Array.from({ length: 1000 }, (_, i) => i)
const many: Record<string, ReturnType<typeof task>> = {}
for (const i of leaves) many['t' + i] = task({ needs: i < 10 ? {} : { a: many['t' + (i - 10)], b: many['t' + Math.floor(i / 2)] }, async run() {} } as never)
export const thousand = task({ needs: many as never, async run() {} })
`,
})

const timeline = suite('timeline')
let browser: Browser

timeline.before(async () => {
  browser = await startBrowser()
})
timeline.after(() => browser?.close())

const url = (name: string) => pathToFileURL(join(folder, name)).href
const ready = (page: { value<T>(expression: string): Promise<T> }) =>
  until(() => page.value<boolean>(`document.documentElement.dataset.ready === 'yes'`), { what: 'the page to be drawn' })

timeline(
  'a run as a page: chart, graph, critical path, what failed; by keyboard; light and dark; no request',
  async () => {
    assert.is((await task(['--jobs', '4', 'all'], { cwd: folder })).status, 4)
    const written = await task(['runs', 'show', 'last', '--html', '--out', 'run.html'], { cwd: folder })
    assert.is(written.stdout, 'wrote run.html\n')
    const page = await browser.open(url('run.html'))
    await ready(page)
    assert.is(await page.value('document.title'), 'task --jobs 4 all · failed')
    const rows = await page.value<string[]>(
      `[...document.querySelectorAll('.row')].map((row) => row.getAttribute('aria-label'))`,
    )
    assert.is(rows.length, 7)
    assert.match(rows.join('\n'), /^(quick|generate), done/)
    const at = (name: string) => rows.find((row) => row.startsWith(`${name},`)) ?? ''
    assert.match(at('generate'), /^generate, done, from .+, took 1\d\d ms, on the critical path$/)
    assert.match(at('compile'), /on the critical path$/)
    assert.match(at('check'), /^check, failed, .*on the critical path$/)
    assert.match(at('lint'), /, took \d+ ms$/)
    assert.is(at('all'), 'all, waiting, never began')
    assert.equal(
      await page.value(
        `[...new Set([...document.querySelectorAll('.row .mark')].map((mark) => mark.textContent))].sort()`,
      ),
      ['·', '✔', '✖'],
    )
    const failure = await page.value<string>(`document.querySelector('#failures').innerText`)
    assert.match(failure, /check\n+check 1[2-9]\n[\s\S]*check 30\n<b>1 &amp; 2<\/b><\/script>\n+log: .*check\.log/)
    const bars = await page.value<{ left: number; right: number; name: string }[]>(
      `[...document.querySelectorAll('.row')].filter((row) => row.querySelector('.span')).map((row) => {
      const { left, right } = row.querySelector('.span').getBoundingClientRect()
      return { left, right, name: row.querySelector('.name').lastChild.textContent } })`,
    )
    const bar = (name: string) => bars.find((one) => one.name === name) as (typeof bars)[number]
    assert.ok(bar('compile').left >= bar('generate').right - 1, 'compile begins when generate has ended')
    assert.ok(bar('check').left >= bar('compile').right - 1)
    assert.is(await page.value(`document.querySelectorAll('#graph .node').length`), 7)
    assert.is(await page.value(`document.querySelectorAll('#graph path').length`), 7)
    assert.is(await page.value(`document.querySelectorAll('#graph path.critical').length`), 3)
    assert.is(await page.value(`document.querySelectorAll('#graph path.call').length`), 1)
    await page.key('/')
    await page.type('com')
    await until(() => page.value(`document.querySelectorAll('.row').length === 1`), { what: 'the filter' })
    await page.key('Escape')
    await page.key('c')
    assert.is(await page.value(`document.querySelectorAll('.row').length`), 4)
    await page.key('ArrowDown')
    await page.key('ArrowDown')
    assert.match(
      await page.value<string>(`document.querySelector('#detail').innerText`),
      /^compile\n[\s\S]*needs\s+generate[\s\S]*needed by\s+check/,
    )
    assert.is(await page.value(`document.querySelector('#graph .chosen title').textContent`), 'compile: done')
    await page.key('Home')
    assert.match(
      await page.value<string>(`document.querySelector('#detail').innerText`),
      /schemas, \d+ ms[\s\S]*clients, \d+ ms/,
    )
    const background = () => page.value<string>('getComputedStyle(document.body).backgroundColor')
    await page.scheme('light')
    assert.is(await background(), 'rgb(255, 255, 255)')
    await page.scheme('dark')
    assert.is(await background(), 'rgb(20, 24, 28)')
    const picture = await page.picture()
    assert.ok(picture.length > 20_000, `${picture.length} bytes`)
    if (process.env.KEEP_PICTURE) writeFileSync(process.env.KEEP_PICTURE, picture)
    assert.equal(page.complaints, [])
    assert.equal(page.requests, [])
  },
)

timeline('what was up to date or came from the cache is told apart from what ran', async () => {
  writeFileSync(join(folder, 'input'), 'in')
  await task(['cached'], { cwd: folder })
  rmSync(join(folder, 'output'))
  assert.is((await task(['cached'], { cwd: folder })).status, 0)
  await task(['runs', 'show', 'last', '--html', '--out', 'cached.html'], { cwd: folder })
  const page = await browser.open(url('cached.html'))
  await ready(page)
  const rows = await page.value<string[]>(
    `[...document.querySelectorAll('.row')].map((row) => row.getAttribute('aria-label').split(', ').slice(0, 2).join(' '))`,
  )
  assert.equal(rows.sort(), ['cached done', 'copy restored', 'read up to date'])
  assert.match(await page.value<string>(`document.querySelector('#facts').innerText`), /2 from cache or up to date/)
  const colours = await page.value<string[]>(
    `['copy', 'cached'].map((name) => getComputedStyle([...document.querySelectorAll('.row')].find((row) => row.innerText.includes(name)).querySelector('.span')).backgroundColor)`,
  )
  assert.is.not(colours[0], colours[1])
})

timeline('a run of 1,000 tasks stays usable', async () => {
  assert.is((await task(['--output=quiet', 'thousand'], { cwd: folder })).status, 0)
  const { stdout } = await task(['runs', 'show', '1', '--html'], { cwd: folder })
  const path = /^wrote (.*timeline\.html)\n$/.exec(stdout)?.[1] ?? ''
  const page = await browser.open(url(path))
  await ready(page)
  assert.is(await page.value(`document.querySelectorAll('.row').length`), 1001)
  assert.match(await page.value<string>(`document.querySelector('#count').textContent`), /^1001 of 1001 shown$/)
  const took = await page.value<number>(
    `(() => { const began = performance.now()
      for (const text of ['t1', 't99', '']) { const input = document.querySelector('#filter'); input.value = text; input.dispatchEvent(new Event('input')) ; document.body.offsetHeight }
      return performance.now() - began })()`,
  )
  note(`three filters of 1,001 rows take ${Math.round(took)} ms`)
  await page.key('End')
  assert.match(
    await page.value<string>(`document.querySelector('#graph-note').textContent`),
    /^Around \S+: \d+ of 1001 tasks/,
  )
  assert.ok((await page.value<number>(`document.querySelectorAll('#graph .node').length`)) <= 250)
  assert.equal(page.complaints, [])
})

timeline('a trace has what ran at the same time on threads of its own', async () => {
  await task(['--jobs', '4', 'all'], { cwd: folder })
  const { stdout } = await task(['runs', 'show', 'last', '--trace', '--out=trace.json'], { cwd: folder })
  assert.is(stdout, 'wrote trace.json\n')
  const { traceEvents, otherData } = JSON.parse(readFileSync(join(folder, 'trace.json'), 'utf8'))
  type Event = {
    ph: string
    name: string
    tid: number
    ts: number
    dur: number
    cat: string
    args: { needs: string[] }
  }
  const spans = (traceEvents as Event[]).filter(({ ph, cat }) => ph === 'X' && cat !== 'step')
  assert.equal(spans.map(({ name }) => name).sort(), ['check', 'compile', 'generate', 'hidden', 'lint', 'quick'].sort())
  for (const one of spans) {
    for (const other of spans) {
      if (one === other || one.tid !== other.tid) continue
      assert.ok(one.ts + one.dur <= other.ts || other.ts + other.dur <= one.ts, `${one.name} and ${other.name}`)
    }
  }
  assert.equal(spans.find(({ name }) => name === 'check')?.args.needs, ['compile', 'lint', 'quick'])
  const steps = (traceEvents as Event[]).filter(({ cat }) => cat === 'step').map(({ name }) => name)
  assert.equal(steps, ['schemas', 'clients'])
  assert.is(otherData.outcome, 'failed')
})

timeline('what contradicts itself is refused', async () => {
  const both = await task(['runs', 'show', 'last', '--html', '--trace'], { cwd: folder })
  assert.is(both.status, 2)
  assert.match(both.stderr, /^error: --html and --trace are two files: ask for one\n/)
  assert.is((await task(['runs', 'show', 'last', '--out', 'x'], { cwd: folder })).status, 2)
  const nowhere = await task(['runs', 'show', 'last', '--html', '--out', 'no/such/folder.html'], { cwd: folder })
  assert.is(nowhere.status, 1)
  assert.match(nowhere.stderr, /no\/such\/folder\.html could not be written/)
})

timeline.run()
