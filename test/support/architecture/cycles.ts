/**
 * The cycles of a graph, one for each group of nodes that reach each other, as a path that ends where it begins. Shortest way round from
 * the group's first node.
 */
export function cyclesOf(edges: ReadonlyMap<string, ReadonlySet<string>>): string[][] {
  const cycles: string[][] = []
  const covered = new Set<string>()
  for (const start of [...edges.keys()].sort()) {
    if (covered.has(start)) continue
    const cycle = shortestWayBack(edges, start)
    if (!cycle) continue
    for (const node of cycle) covered.add(node)
    cycles.push(cycle)
  }
  return cycles
}

function shortestWayBack(edges: ReadonlyMap<string, ReadonlySet<string>>, start: string): string[] | undefined {
  const cameFrom = new Map<string, string>()
  const queue = [start]
  for (const node of queue) {
    for (const next of edges.get(node) ?? []) {
      if (next === start) {
        const way = [node]
        for (let at = node; at !== start; ) {
          at = cameFrom.get(at) ?? start
          way.unshift(at)
        }
        return [...way, start]
      }
      if (cameFrom.has(next)) continue
      cameFrom.set(next, node)
      queue.push(next)
    }
  }
  return undefined
}
