import { type GraphEdge, successors, type TaskGraph } from './model.ts'

/** How a part of the tree is to look. */
export type Paint = (text: string, style: 'cyan' | 'dim') => string

const notes: Readonly<Record<GraphEdge['kind'], string>> = {
  needs: '',
  optional: 'optional',
  finally: 'finally, whatever happens',
}

/** Deeper than this the indentation begins anew behind the depth, so that a line stays a line. */
const deepest = 60

/**
 * The graph as a tree of lines, one root after the other. What stands in it already is marked with `(*)` and not followed again, so the
 * text grows with the edges and no faster. Costs no stack.
 */
export function treeText(graph: TaskGraph, paint: Paint = (text) => text): string {
  const next = successors(graph)
  const shown = new Set<string>()
  const lines: string[] = []
  let isShared = false
  type Item = { id: string; prefix: string; inner: string; depth: number; kind: GraphEdge['kind'] }
  const stack: Item[] = [...graph.roots].reverse().map((id) => ({ id, prefix: '', inner: '', depth: 0, kind: 'needs' }))
  for (let item = stack.pop(); item; item = stack.pop()) {
    const { id, prefix, depth, kind } = item
    const inner = depth > 0 && depth % deepest === 0 ? `⋯ ${depth} ` : item.inner
    const before = shown.has(id)
    shown.add(id)
    const edges = next.get(id) ?? []
    const marks = [notes[kind], before && edges.length > 0 ? '*' : ''].filter((mark) => mark !== '')
    isShared ||= before && edges.length > 0
    const mark = marks.length === 0 ? '' : ` ${paint(`(${marks.join(') (')})`, 'dim')}`
    lines.push(`${paint(prefix, 'dim')}${paint(id, 'cyan')}${mark}`)
    if (before) continue
    for (let at = edges.length - 1; at >= 0; at -= 1) {
      const { to, kind: why } = edges[at] as GraphEdge
      const isLast = at === edges.length - 1
      stack.push({
        id: to,
        prefix: `${inner}${isLast ? '└─ ' : '├─ '}`,
        inner: `${inner}${isLast ? '   ' : '│  '}`,
        depth: depth + 1,
        kind: why,
      })
    }
  }
  if (isShared) lines.push('', paint('(*) needs what is shown above', 'dim'))
  return lines.map((line) => `${line}\n`).join('')
}
