import { createHash } from 'node:crypto'
import { Effects } from './effects.ts'
import { Kinds } from './kinds.ts'
import type { CodeGraph, CodeNode, CodeRoot } from './reach.ts'
import { isPlain, reach } from './reach.ts'
import { keyOf, type Parsed, parseBundle, type Tree, walk } from './tree.ts'
import { topLevel, type Unit } from './units.ts'
import { type Uses, usesOf } from './uses.ts'

/** More than this, and what is saved is less than what it costs: names that may be changed, times pieces of code. */
const mostPairs = 4_000_000

/** More text than this (in UTF-16 code units, about a thousand pages) takes more time and memory than it is worth. */
const mostText = 1_500_000

/**
 * Finds out of a bundle which pieces of its code make each export, so that a change of another piece is none of it. Undefined where that is
 * not certain. What runs when the bundle is loaded and is not plainly without effect counts for all.
 *
 * @param text a module as esbuild writes it, with its comments `// file`
 * @param isOwn whether a specifier means vital-ops
 */
export function codeGraph(text: string, isOwn: (module: string) => boolean): Omit<CodeGraph, 'output'> | undefined {
  // Nothing has a fingerprint.
  if (!/\b(?:inputs|outputs)\b/.test(text) || text.length > mostText) return undefined
  let parsed: Parsed
  try {
    parsed = parseBundle(text)
  } catch {
    return undefined
  }
  const top = topLevel(parsed)
  const kinds = new Kinds(top, isOwn)
  const definitions = top.units.map(({ node }) => definitionOf(node, kinds))
  const uses = settledUses(top.units, kinds, definitions)
  if (uses === undefined) return undefined
  return new Graph(parsed, kinds, uses).made()
}

/** The call of `task()` that a declaration consists of. */
const definitionOf = (node: Tree, kinds: Kinds): Tree | undefined =>
  node.type === 'VariableDeclarator' && node.id.type === 'Identifier' && kinds.isTaskCall(node.init)
    ? (node.init as Tree)
    : undefined

/** The uses of each unit; looked for again while more names turn out to be changed. Undefined where that comes to no end soon. */
function settledUses(
  units: readonly Unit[],
  kinds: Kinds,
  definitions: readonly (Tree | undefined)[],
): Uses[] | undefined {
  for (let round = 0; round < 6; round += 1) {
    const before = kinds.changed.size
    const uses = units.map(({ node }, at) => usesOf(node, kinds, definitions[at]))
    for (const one of uses) for (const name of one.changes) kinds.changed.add(name)
    if (kinds.changed.size === before) return uses
  }
  return undefined
}

/** Makes the graph: its nodes are the units, then the names. */
class Graph {
  readonly #parsed: Parsed
  readonly #kinds: Kinds
  readonly #uses: Uses[]
  readonly #nodes: CodeNode[] = []
  readonly #names = new Map<string, number>()

  constructor(parsed: Parsed, kinds: Kinds, uses: Uses[]) {
    this.#parsed = parsed
    this.#kinds = kinds
    this.#uses = uses
  }

  made(): Omit<CodeGraph, 'output'> | undefined {
    const { units, bindings, exports } = this.#kinds.top
    for (const unit of units) this.#nodes.push(this.#node(unit))
    for (const { name, from, units: own } of bindings.values()) {
      const package_ = from && this.#kinds.packageOf(from.module)
      // All that a package exports may share a state.
      const key = package_ === undefined ? name : `package ${package_}`
      const known = this.#names.get(key)
      this.#names.set(name, known ?? this.#nodes.length)
      if (known !== undefined) continue
      this.#names.set(key, this.#nodes.length)
      this.#nodes.push({ uses: [...own] })
    }
    for (const [at, one] of this.#uses.entries()) this.#link(this.#nodes[at] as CodeNode, one)
    if (!this.#linkChanges()) return undefined
    const effects = new Effects(this.#kinds)
    const first = units.flatMap((unit, at) => (this.#isForAll(unit, this.#uses[at] as Uses, effects) ? [at] : []))
    const always = reach(this.#nodes, first)
    if (always === undefined) return undefined
    const roots: Record<string, CodeRoot> = {}
    for (const [name, local] of exports) {
      const root = this.#rootOf(local, 0)
      if (root !== undefined) roots[name] = root
    }
    const order = sha(first.map((at) => `${units[at]?.file}#${units[at]?.name}`).join('\n'))
    return { nodes: this.#nodes, always, order, roots }
  }

  #node({ file, name, node }: Unit): CodeNode {
    // esbuild calls it after the file.
    const shown = /_default\d*$/.test(name) ? 'default' : name
    return { file, ...(shown === '' ? {} : { name: shown }), digest: digestOf(this.#parsed, node), uses: [] }
  }

  #link(node: CodeNode, { names, needs, findsTasks }: Uses): void {
    const of = (all: Iterable<string>): number[] => [
      ...new Set([...all].map((name) => this.#names.get(name) as number)),
    ]
    node.uses = of(names)
    if (needs.size > 0) node.needs = of(needs)
    if (findsTasks) node.any = true
  }

  /** Who uses a name depends on all that may change its value: on who changes it, or hands it on, and on whoever uses those. False where these are too many. */
  #linkChanges(): boolean {
    const changers = new Map<number, Set<number>>()
    for (const [at, { changes }] of this.#uses.entries()) {
      for (const name of changes) {
        const node = this.#names.get(name) as number
        const all = changers.get(node) ?? new Set()
        changers.set(node, all.add(at))
      }
    }
    if (changers.size * this.#nodes.length > mostPairs) return false
    const users: number[][] = this.#nodes.map(() => [])
    for (const [at, { uses }] of this.#nodes.entries()) for (const used of uses) users[used]?.push(at)
    const added: [number, number[]][] = []
    for (const [node, first] of changers) {
      const found = new Set(first)
      for (const one of found) for (const user of users[one] as number[]) found.add(user)
      added.push([node, [...found].filter((one) => this.#nodes[one]?.digest !== undefined)])
    }
    for (const [node, all] of added)
      (this.#nodes[node] as CodeNode).uses = [...new Set([...(this.#nodes[node] as CodeNode).uses, ...all])]
    return true
  }

  /** Whether a unit does something when the bundle is loaded, or something that all may see when it is run. */
  #isForAll({ node, declares }: Unit, { changesOutside }: Uses, effects: Effects): boolean {
    if (!declares || changesOutside) return true
    if (node.type !== 'VariableDeclarator') return !effects.isPure(node) && node.type !== 'ExpressionStatement'
    let isPlainName = node.id.type === 'Identifier'
    if (!isPlainName) {
      isPlainName = true
      walk(node.id, (one) => {
        if (one.type === 'AssignmentPattern' || (one as { computed?: boolean }).computed) isPlainName = false
      })
      isPlainName &&= !effects.hidden
    }
    return !isPlainName || !effects.isPure(node.init)
  }

  #rootOf(local: string, depth: number): CodeRoot | undefined {
    const binding = this.#kinds.top.bindings.get(local)
    const node = this.#names.get(local)
    if (binding === undefined || node === undefined || binding.from !== undefined) return undefined
    if (this.#kinds.changed.has(local) || depth > 8) return { node }
    const { members, value, units } = binding
    if (members !== undefined) {
      return { node, members: isPlain([...members].map(([key, name]) => [key, this.#rootOf(name, depth + 1)])) }
    }
    if (this.#kinds.isTaskCall(value)) return { node: units[0] as number, isTask: true }
    return value?.type === 'ObjectExpression' ? this.#objectRoot(node, value, units[0] as number, depth) : { node }
  }

  /** The tasks that stand in an object's literal, by their names. */
  #objectRoot(
    node: number,
    object: Extract<Tree, { type: 'ObjectExpression' }>,
    unit: number,
    depth: number,
  ): CodeRoot {
    const keys = object.properties.map((one) =>
      one.type === 'Property' && one.kind === 'init' ? keyOf(one) : undefined,
    )
    if (keys.includes(undefined) || keys.includes('__proto__') || new Set(keys).size < keys.length) return { node }
    const members = object.properties.map((one, at): [string, CodeRoot | undefined] => {
      const value = one.type === 'Property' ? (one.value as Tree) : undefined
      return [keys[at] as string, value && this.#memberRoot(value, unit, depth + 1)]
    })
    return { node, members: isPlain(members) }
  }

  #memberRoot(value: Tree, unit: number, depth: number): CodeRoot | undefined {
    if (value.type === 'Identifier') return this.#rootOf(value.name, depth)
    const { file, name } = this.#kinds.top.units[unit] as Unit
    const isTask = this.#kinds.isTaskCall(value)
    const node: CodeNode = this.#node({ file, name, node: value, declares: true })
    this.#link(node, usesOf(value, this.#kinds, isTask ? value : undefined))
    const at = this.#nodes.push(node) - 1
    if (value.type === 'ObjectExpression' && depth < 8) return this.#objectRoot(at, value, unit, depth)
    return { node: at, ...(isTask ? { isTask } : {}) }
  }
}

const sha = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

/** A digest of a piece of code: of its tokens, so that its layout does not count. */
function digestOf({ text, tokens }: Parsed, { start, end }: Tree): string {
  const hash = createHash('sha256')
  let at = firstFrom(tokens, start)
  for (let token = tokens[at]; token !== undefined && token.end <= end; at += 1, token = tokens[at]) {
    hash.update(`${text.slice(token.start, token.end)}\0`)
  }
  return hash.digest('hex').slice(0, 32)
}

/** The first token that begins at a place or behind it. */
function firstFrom(tokens: Parsed['tokens'], start: number): number {
  let [low, high] = [0, tokens.length]
  while (low < high) {
    const middle = (low + high) >>> 1
    if ((tokens[middle]?.start ?? 0) < start) low = middle + 1
    else high = middle
  }
  return low
}
