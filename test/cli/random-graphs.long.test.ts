import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, task, timeLimit } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

type Graph = { needs: number[][]; optional: boolean[][]; failing: number[] }

const folder = folderWith({
  'Taskfile.ts': `
import { optional, task, type Task } from 'vital-ops'
import { appendFileSync, readFileSync } from 'node:fs'
const { needs, optional: soft, failing } = JSON.parse(readFileSync(process.env.GRAPH!, 'utf8'))
const note = (text: string) => appendFileSync(process.env.NOTES!, text + '\\n')
const tasks: Task[] = []
for (let at = 0; at < needs.length; at += 1) {
  const fails = failing.includes(at)
  tasks.push(task({
    needs: Object.fromEntries(needs[at].map((other: number, index: number) => ['n' + other, soft[at][index] ? optional(tasks[other]!) : tasks[other]!])),
    run: process.env.PROCESSES
      ? async ({ $ }) => void (await $({ quiet: true })\`echo start \${at} >> \${process.env.NOTES}; \${fails ? 'false' : 'true'}; echo end \${at} >> \${process.env.NOTES}\`)
      : () => { note('start ' + at); if (fails) throw new Error('fails ' + at); note('end ' + at) },
  }))
}
export const all = task({ needs: Object.fromEntries(tasks.map((one, at) => ['t' + at, one])), run() {} })
`,
})

function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

function randomGraph(size: number, next: () => number): Graph {
  const needs = Array.from({ length: size }, (_, at) => [
    ...new Set(at === 0 ? [] : Array.from({ length: Math.floor(next() * 4) }, () => Math.floor(next() * at))),
  ])
  const optional = needs.map((list) => list.map(() => next() < 0.2))
  const failing = needs.flatMap((_, at) => (next() < 0.02 ? [at] : []))
  return { needs, optional, failing }
}

/** Walks a random graph of 500 tasks with --continue, and checks every promise against what the tasks have written. */
async function walks(seed: number, env: Record<string, string>, jobs: string): Promise<void> {
  const graph = randomGraph(500, random(seed))
  const [file, notes] = [join(folder, `graph-${seed}.json`), join(folder, `notes-${seed}`)]
  writeFileSync(file, JSON.stringify(graph))
  writeFileSync(notes, '')
  const ended = await task(['--continue', '--output=quiet', jobs, 'all'], {
    cwd: folder,
    env: { GRAPH: file, NOTES: notes, ...env },
  })
  assert.is(ended.status, graph.failing.length > 0 ? 1 : 0, ended.stderr.slice(-2000))
  const lines = readFileSync(notes, 'utf8').trimEnd().split('\n')
  const place = new Map(lines.map((line, index) => [line, index]))
  assert.is(place.size, lines.length, `seed ${seed}: a task ran twice`)
  const doomed: boolean[] = []
  for (const [at, needs] of graph.needs.entries()) {
    doomed[at] = needs.some(
      (need, index) => !graph.optional[at]?.[index] && (doomed[need] || graph.failing.includes(need)),
    )
    const fails = graph.failing.includes(at)
    assert.is(place.has(`start ${at}`), !doomed[at], `seed ${seed}: ${at}`)
    assert.is(place.has(`end ${at}`), !doomed[at] && !fails, `seed ${seed}: ${at}`)
    const started = place.get(`start ${at}`)
    if (started === undefined) continue
    for (const need of needs) {
      const before = place.get(`end ${need}`) ?? place.get(`start ${need}`)
      if (before !== undefined) assert.ok(before < started, `seed ${seed}: ${at} before ${need}`)
    }
  }
  note(`seed ${seed}: ${doomed.filter(Boolean).length} of 500 skipped by ${graph.failing.length} failures`)
}

for (const [seed, jobs] of [
  [1, '-j1'],
  [2, '-j2'],
  [3, '-j8'],
  [4, '-j64'],
] as const) {
  test(`500 tasks in a random graph, ${jobs}: order respected, each once, failures stop exactly the dependents`, () =>
    walks(seed, {}, jobs))
}

test('500 processes in a random graph: the same', async () => {
  timeLimit(180_000)
  await walks(5, { PROCESSES: '1' }, '-j4')
})

test.run()
