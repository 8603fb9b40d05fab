/**
 * Finds any of many patterns in bytes in one pass, whatever the patterns and the text: the automaton of Aho and Corasick ("Efficient
 * string matching", 1975). A state is a number; 0 is the start. On bytes and not characters, so that a character split over two chunks
 * needs no care.
 */
export class PatternSearch {
  /** The longest pattern's length in bytes. */
  readonly longest: number
  /** For each state the length of the longest pattern that ends there; 0 if none does. */
  readonly matched: Int32Array
  /** For each state how many of the last bytes could be the beginning of a longer match. */
  readonly open: Int32Array
  readonly #start = new Int32Array(256)
  readonly #fallback: Int32Array
  /** The trie's edges as a hash table with open addressing: at 2i the key `state * 256 + byte`, at 2i + 1 the next state. */
  readonly #edges: Int32Array
  readonly #mask: number

  constructor(patterns: Iterable<Uint8Array>) {
    const trie = buildTrie(patterns)
    const { size, parents, bytes, depths, ends } = trie
    this.#mask = tableSize(size) - 1
    this.#edges = new Int32Array((this.#mask + 1) * 2)
    for (let node = 1; node < size; node++)
      this.#insert((parents[node] as number) * 256 + (bytes[node] as number), node)
    for (let node = 1; node < size; node++) if (parents[node] === 0) this.#start[bytes[node] as number] = node

    this.#fallback = new Int32Array(size)
    this.matched = new Int32Array(size)
    this.open = new Int32Array(size)
    const hasChildren = new Uint8Array(size)
    for (let node = 1; node < size; node++) hasChildren[parents[node] as number] = 1
    let longest = 0
    for (const node of byDepth(depths, size)) {
      const depth = depths[node] as number
      const parent = parents[node] as number
      const fallback = parent === 0 ? 0 : this.next(this.#fallback[parent] as number, bytes[node] as number)
      this.#fallback[node] = fallback
      this.matched[node] = ends[node] ? depth : (this.matched[fallback] as number)
      this.open[node] = hasChildren[node] ? depth : (this.open[fallback] as number)
      longest = Math.max(longest, depth)
    }
    this.longest = longest
  }

  /** The state after one more byte. */
  next(state: number, byte: number): number {
    for (let from = state; from !== 0; from = this.#fallback[from] as number) {
      const to = this.#edge(from * 256 + byte)
      if (to !== 0) return to
    }
    return this.#start[byte] as number
  }

  /** The first place from `from` on where a match could begin. */
  skip(bytes: Uint8Array, from: number): number {
    let at = from
    while (at < bytes.length && this.#start[bytes[at] as number] === 0) at++
    return at
  }

  /** Whether any pattern is in the bytes. */
  isIn(bytes: Uint8Array): boolean {
    let state = 0
    for (let at = 0; at < bytes.length; at++) {
      if (state === 0) {
        at = this.skip(bytes, at)
        if (at === bytes.length) return false
      }
      state = this.next(state, bytes[at] as number)
      if ((this.matched[state] as number) > 0) return true
    }
    return false
  }

  #edge(key: number): number {
    for (let slot = hash(key) & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const to = this.#edges[slot * 2 + 1] as number
      if (to === 0 || this.#edges[slot * 2] === key) return to
    }
  }

  #insert(key: number, to: number): void {
    let slot = hash(key) & this.#mask
    while (this.#edges[slot * 2 + 1] !== 0) slot = (slot + 1) & this.#mask
    this.#edges[slot * 2] = key
    this.#edges[slot * 2 + 1] = to
  }
}

const hash = (key: number) => {
  const mixed = Math.imul(key, 0x9e3779b1)
  return (mixed ^ (mixed >>> 15)) >>> 0
}

function tableSize(entries: number): number {
  let size = 16
  while (size < entries * 2) size *= 2
  return size
}

type Trie = {
  size: number
  parents: Int32Array
  bytes: Uint8Array
  depths: Int32Array
  ends: Uint8Array
}

/** While it is built, a node's children are a linked list: only nodes near the root have more than a few. */
function buildTrie(patterns: Iterable<Uint8Array>): Trie {
  const list = [...patterns].filter((pattern) => pattern.length > 0)
  const most = 1 + list.reduce((sum, pattern) => sum + pattern.length, 0)
  const parents = new Int32Array(most)
  const bytes = new Uint8Array(most)
  const depths = new Int32Array(most)
  const ends = new Uint8Array(most)
  const firstChild = new Int32Array(most)
  const nextSibling = new Int32Array(most)
  let size = 1
  for (const pattern of list) {
    let node = 0
    for (const byte of pattern) {
      let child = firstChild[node] as number
      while (child !== 0 && bytes[child] !== byte) child = nextSibling[child] as number
      if (child === 0) {
        child = size++
        parents[child] = node
        bytes[child] = byte
        depths[child] = (depths[node] as number) + 1
        nextSibling[child] = firstChild[node] as number
        firstChild[node] = child
      }
      node = child
    }
    ends[node] = 1
  }
  return { size, parents, bytes, depths, ends }
}

/** All nodes but the root, the shallow ones first (a counting sort). */
function byDepth(depths: Int32Array, size: number): Int32Array {
  let deepest = 0
  for (let node = 1; node < size; node++) deepest = Math.max(deepest, depths[node] as number)
  const starts = new Int32Array(deepest + 2)
  for (let node = 1; node < size; node++) (starts[(depths[node] as number) + 1] as number)++
  for (let depth = 1; depth < starts.length; depth++) (starts[depth] as number) += starts[depth - 1] as number
  const ordered = new Int32Array(size - 1)
  for (let node = 1; node < size; node++) {
    const depth = depths[node] as number
    ordered[starts[depth] as number] = node
    starts[depth] = (starts[depth] as number) + 1
  }
  return ordered
}
