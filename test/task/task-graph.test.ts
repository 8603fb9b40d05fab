import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dotText, mermaidText } from '../../lib/task/task-graph/diagrams.ts'
import type { GraphEdge, TaskGraph } from '../../lib/task/task-graph/model.ts'
import { svgText } from '../../lib/task/task-graph/svg.ts'
import { treeText } from '../../lib/task/task-graph/tree.ts'
import { note, run } from '../support/index.ts'

/** A graph in which each task needs up to three of those behind it. The numbers are from a generator with a fixed seed. */
function random(count: number): TaskGraph {
  let state = 12345
  const next = (below: number): number => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0
    return (state >>> 8) % below
  }
  const id = (index: number): string => `task-${index}${index % 17 === 0 ? ' (name: "<a & b>")' : ''}`
  const edges: GraphEdge[] = []
  for (let from = 0; from < count - 1; from += 1) {
    const to = new Set(Array.from({ length: 1 + next(3) }, () => from + 1 + next(Math.min(40, count - from - 1))))
    for (const one of to)
      edges.push({ from: id(from), to: id(one), kind: (['needs', 'needs', 'finally'] as const)[next(3)] ?? 'needs' })
  }
  const nodes = Array.from({ length: count }, (_, index) => ({
    id: id(index),
    name: `task-${index}`,
    hidden: index % 5 === 0,
  }))
  return { roots: [id(0)], nodes, edges }
}

/** The rectangles of an SVG's nodes by their text. */
function boxes(svg: string): Map<string, { x: number; y: number; width: number; height: number }> {
  const found = new Map()
  for (const match of svg.matchAll(
    /<rect x="([-\d.]+)" y="([-\d.]+)" width="([\d.]+)" height="([\d.]+)"\/><text[^>]*>([^<]*)</g,
  )) {
    const [, x, y, width, height, text] = match as unknown as [string, string, string, string, string, string]
    const plain = text.replace(/&#(\d+);/g, (_, code) => String.fromCharCode(Number(code)))
    found.set(plain, { x: Number(x), y: Number(y), width: Number(width), height: Number(height) })
  }
  return found
}

test('SVG of 500 tasks: well-formed, no two boxes overlap, every edge goes from its task to what it needs', async () => {
  const graph = random(500)
  const started = performance.now()
  const svg = await svgText(graph)
  note(`500 tasks, ${graph.edges.length} edges: ${Math.round(performance.now() - started)} ms, ${svg.length} bytes`)
  const found = boxes(svg)
  assert.equal(
    [...found.keys()],
    graph.nodes.map(({ id }) => id),
  )
  const all = [...found.values()]
  for (const [index, one] of all.entries()) {
    for (const other of all.slice(index + 1)) {
      const apart =
        one.x + one.width <= other.x ||
        other.x + other.width <= one.x ||
        one.y + one.height <= other.y ||
        other.y + other.height <= one.y
      assert.ok(apart)
    }
  }
  const paths = [...svg.matchAll(/<path class="edge[^"]*" d="M([-\d.]+) ([-\d.]+)[^"]*?([-\d.]+) ([-\d.]+)"/g)]
  assert.is(paths.length, graph.edges.length)
  for (const [index, [, x1, y1, x2, y2]] of paths.entries()) {
    const { from, to } = graph.edges[index] as GraphEdge
    for (const [id, x, y] of [
      [from, x1, y1],
      [to, x2, y2],
    ] as const) {
      const box = found.get(id) as { x: number; y: number; width: number; height: number }
      const dx = Math.max(box.x - Number(x), 0, Number(x) - box.x - box.width)
      const dy = Math.max(box.y - Number(y), 0, Number(y) - box.y - box.height)
      assert.ok(dx <= 1 && dy <= 1, `${id}: the edge ends ${dx}, ${dy} away`)
    }
  }
  wellFormed(svg)
})

/** Every tag is closed in order, and no bare `<` or `&` is left. */
function wellFormed(xml: string): void {
  const open: string[] = []
  const rest = xml.replace(/<(\/?)([a-z]+)((?: [\w:-]+="[^"<]*")*)(\/?)>/gi, (_, close, name, __, empty) => {
    if (close) assert.is(open.pop(), name)
    else if (!empty) open.push(name)
    return ''
  })
  assert.equal(open, [])
  assert.not.match(rest, /<|&(?!#\d+;)/)
}

test('Graphviz reads the DOT of 500 tasks', async () => {
  const graph = random(500)
  const { stdout, stderr, status } = await run(['dot', '-Tcanon'], { input: dotText(graph) })
  assert.is(stderr, '')
  assert.is(status, 0)
  assert.is(stdout.match(/->/g)?.length, graph.edges.length)
  assert.is(mermaidText(graph).match(/^ {2}t\d+ -/gm)?.length, graph.edges.length)
})

test('a chain of 20,000 and a lattice whose paths nobody could print', () => {
  const chain = Array.from({ length: 20_000 }, (_, index) => String(index))
  const nodes = chain.map((id) => ({ id, name: id, hidden: false }))
  const edges = chain.slice(1).map((to, index): GraphEdge => ({ from: String(index), to, kind: 'needs' }))
  assert.is(treeText({ roots: ['0'], nodes, edges }).split('\n').length, 20_001)
  const layers = Array.from({ length: 60 }, (_, layer) => [`a${layer}`, `b${layer}`])
  const lattice = layers
    .slice(1)
    .flatMap((layer, index) =>
      (layers[index] as string[]).flatMap((from) => layer.map((to): GraphEdge => ({ from, to, kind: 'needs' }))),
    )
  const ids = layers.flat().map((id) => ({ id, name: id, hidden: false }))
  const text = treeText({ roots: ['a0', 'b0'], nodes: ids, edges: lattice })
  assert.is(text.split('\n').length - 1, 2 + lattice.length + 2)
})

test.run()
