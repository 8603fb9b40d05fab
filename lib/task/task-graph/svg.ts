import type { GraphEdge, GraphNode, TaskGraph } from './model.ts'

/** Sizes in pixels. A monospaced font of 13 px advances 7.83 px a column in the widest of the usual ones. */
const size = { column: 7.83, height: 30, padding: 12, margin: 16 }

/** From so many nodes and edges on, the shortest edges there could be are not looked for: at 1,500 that alone takes twice the rest. */
const large = 400

type Point = { x: number; y: number }
type Laid = { width: number; height: number; nodes: Map<string, Point & { width: number }>; paths: Point[][] }

/** The graph as an SVG document that is complete by itself: from left to right, light or dark as the viewer is. */
export async function svgText(graph: TaskGraph): Promise<string> {
  const { default: stringWidth } = await import('string-width')
  const laid = await layOut(graph, ({ id }) => stringWidth(id) * size.column + 2 * size.padding)
  const width = Math.ceil(laid.width + 2 * size.margin)
  const height = Math.ceil(laid.height + 2 * size.margin)
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    '<title>Tasks and what they need</title>',
    `<style>${style}</style>`,
    '<defs><marker id="arrow" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 0L10 5L0 10z"/></marker></defs>',
    `<rect class="page" width="${width}" height="${height}"/>`,
    `<g transform="translate(${size.margin} ${size.margin})">`,
    ...graph.edges.map((edge, index) => edgeMark(edge, laid.paths[index] ?? [])),
    ...graph.nodes.map((node) => nodeMark(node, laid.nodes.get(node.id))),
    '</g>',
    '</svg>',
    '',
  ].join('\n')
}

const style = `
.page{fill:#fff}.node rect{fill:#f4f7fb;stroke:#48627f;rx:6px}.node text{fill:#14202e;font:13px ui-monospace,Menlo,Consolas,monospace;text-anchor:middle;dominant-baseline:central}
.hidden rect{stroke-dasharray:4 3}.edge{fill:none;stroke:#7d8fa3;stroke-width:1.3;marker-end:url(#arrow)}.head{fill:#7d8fa3}.optional,.finally{stroke-dasharray:5 4}
@media (prefers-color-scheme:dark){.page{fill:#12161c}.node rect{fill:#1d2733;stroke:#7f9bbb}.node text{fill:#e6edf5}}
`

/** Places the nodes in layers with as few crossings as dagre finds (the method of Sugiyama, Tagawa and Toda). */
async function layOut(graph: TaskGraph, widthOf: (node: GraphNode) => number): Promise<Laid> {
  const { Graph, layout } = await import('@dagrejs/dagre')
  const drawn = new Graph({ multigraph: true })
  const ranker = graph.nodes.length + graph.edges.length < large ? 'network-simplex' : 'tight-tree'
  drawn.setGraph({ rankdir: 'LR', nodesep: 14, ranksep: 56, edgesep: 8, ranker })
  drawn.setDefaultEdgeLabel(() => ({}))
  for (const node of graph.nodes) drawn.setNode(node.id, { width: widthOf(node), height: size.height })
  for (const [index, { from, to }] of graph.edges.entries()) drawn.setEdge(from, to, {}, String(index))
  layout(drawn)
  const { width = 0, height = 0 } = drawn.graph() as { width?: number; height?: number }
  return {
    width,
    height,
    nodes: new Map(graph.nodes.map(({ id }) => [id, drawn.node(id) as Point & { width: number }])),
    paths: graph.edges.map(
      ({ from, to }, index) => (drawn.edge(from, to, String(index)) as { points: Point[] }).points,
    ),
  }
}

function nodeMark({ id, description, hidden }: GraphNode, at: (Point & { width: number }) | undefined): string {
  if (!at) return ''
  const x = round(at.x - at.width / 2)
  const title = description === undefined ? '' : `<title>${escaped(description)}</title>`
  return `<g class="node${hidden ? ' hidden' : ''}">${title}<rect x="${x}" y="${round(at.y - size.height / 2)}" width="${round(at.width)}" height="${size.height}"/><text x="${round(at.x)}" y="${round(at.y)}">${escaped(id)}</text></g>`
}

/** A curve through the middles between the points that dagre gives, which are the corners of a path. */
function edgeMark({ from, to, kind }: GraphEdge, points: readonly Point[]): string {
  const [first, ...rest] = points
  const last = rest.pop()
  if (!first || !last) return ''
  const parts = [`M${round(first.x)} ${round(first.y)}`]
  for (const [index, point] of rest.entries()) {
    const next = rest[index + 1]
    const end = next ? { x: (point.x + next.x) / 2, y: (point.y + next.y) / 2 } : last
    parts.push(`Q${round(point.x)} ${round(point.y)} ${round(end.x)} ${round(end.y)}`)
  }
  if (rest.length === 0) parts.push(`L${round(last.x)} ${round(last.y)}`)
  const title = `<title>${escaped(`${from} → ${to}${kind === 'needs' ? '' : ` (${kind})`}`)}</title>`
  return `<path class="edge ${kind}" d="${parts.join('')}">${title}</path>`
}

const round = (value: number): number => Math.round(value * 10) / 10

/** Text for XML; characters that XML 1.0 has not become U+FFFD. */
const escaped = (text: string): string =>
  text
    .replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`)
    .replace(/(?![\t\n\r])\p{Cc}|[\uFFFE\uFFFF]/gu, '\uFFFD')
