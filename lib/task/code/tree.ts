import { type AnyNode, parse, type Token } from 'acorn'

/** A node of a syntax tree (ESTree, as acorn gives it). */
export type Tree = AnyNode

/** A parsed bundle: its text, its statements, and its tokens in their order. */
export type Parsed = { text: string; statements: readonly Tree[]; tokens: readonly Token[]; headers: readonly Header[] }

/** A line `// file` by which esbuild says of which file the statements below are. */
export type Header = { at: number; file: string }

/** Parses a bundle, a module as esbuild writes it without comments of the sources. Throws `SyntaxError` where it is none. */
export function parseBundle(text: string): Parsed {
  const tokens: Token[] = []
  const comments: { at: number; file: string; end: number }[] = []
  const { body } = parse(text, {
    ecmaVersion: 'latest',
    sourceType: 'module',
    onToken: tokens,
    onComment: (isBlock, content, at, end) => {
      if (!isBlock && (at === 0 || text[at - 1] === '\n')) comments.push({ at, end, file: content.trim() })
    },
  })
  // Within a statement it would be part of a text of somebody's.
  const headers = comments.filter(({ at, end }) => !body.some((one) => one.start < at && end < one.end))
  return { text, statements: body, tokens, headers }
}

/** The nodes right below a node that are evaluated or declare something: names of properties and labels are not. */
export function children(node: Tree): Tree[] {
  const found: Tree[] = []
  for (const [key, value] of Object.entries(node)) {
    if (skipped(node, key)) continue
    for (const one of Array.isArray(value) ? value : [value]) {
      if (typeof one === 'object' && one !== null && typeof one.type === 'string') found.push(one)
    }
  }
  return found
}

function skipped(node: Tree, key: string): boolean {
  if (key === 'key') return !(node as { computed?: boolean }).computed
  if (key === 'property') return node.type === 'MemberExpression' && !node.computed
  return key === 'label' || (node.type === 'MetaProperty' && key !== 'type')
}

/** Visits a node and all below it, each with those above it, the nearest last. `enter` gives false where it shall not go further down. */
export function walk(node: Tree, enter: (node: Tree, above: readonly Tree[]) => unknown): void {
  const above: Tree[] = []
  const visit = (one: Tree): void => {
    if (enter(one, above) === false) return
    above.push(one)
    for (const child of children(one)) visit(child)
    above.pop()
  }
  visit(node)
}

/** The name of a property that is written, and not computed; undefined for others. */
export function keyOf(node: Tree): string | undefined {
  if (node.type === 'MemberExpression') {
    if (!node.computed) return node.property.type === 'Identifier' ? node.property.name : undefined
    return node.property.type === 'Literal' ? String(node.property.value) : undefined
  }
  if (node.type !== 'Property' && node.type !== 'MethodDefinition' && node.type !== 'PropertyDefinition')
    return undefined
  if (node.computed) return undefined
  if (node.key.type === 'Identifier') return node.key.name
  return node.key.type === 'Literal' ? String(node.key.value) : undefined
}

/** The property of an object literal that has this name; undefined where it has none, or others whose names are not written. */
export function memberOf(object: Tree, name: string): Tree | undefined {
  if (object.type !== 'ObjectExpression') return undefined
  const named = object.properties.filter((one) => one.type === 'Property' && keyOf(one) === name)
  const isSure = object.properties.every(
    (one) => one.type === 'Property' && one.kind === 'init' && keyOf(one) !== undefined && keyOf(one) !== '__proto__',
  )
  const [only] = named
  return isSure && named.length === 1 && only?.type === 'Property' ? only.value : undefined
}

/** What is at the bottom of `a.b[c].d`: `a`. */
export function rootOf(node: Tree): Tree {
  let at = node
  while (at.type === 'MemberExpression' || at.type === 'ChainExpression' || at.type === 'ParenthesizedExpression') {
    at = at.type === 'MemberExpression' ? at.object : at.expression
  }
  return at
}

/** What a call calls: of `(0, f)(x)` it is `f`. */
export function calleeOf(node: Tree): Tree | undefined {
  if (node.type !== 'CallExpression' && node.type !== 'NewExpression') return undefined
  const { callee } = node
  return callee.type === 'SequenceExpression' ? callee.expressions.at(-1) : callee
}

/** Whether a node is a function. */
export const isFunction = (
  node: Tree | null | undefined,
): node is Extract<Tree, { type: 'FunctionDeclaration' | 'FunctionExpression' | 'ArrowFunctionExpression' }> =>
  node?.type === 'FunctionDeclaration' ||
  node?.type === 'FunctionExpression' ||
  node?.type === 'ArrowFunctionExpression'

/** The names that a pattern declares. */
export function namesIn(pattern: Tree): string[] {
  if (pattern.type === 'Identifier') return [pattern.name]
  if (pattern.type === 'MemberExpression') return []
  if (pattern.type === 'AssignmentPattern') return namesIn(pattern.left)
  if (pattern.type === 'RestElement') return namesIn(pattern.argument)
  if (pattern.type === 'Property') return namesIn(pattern.value)
  return children(pattern).flatMap(namesIn)
}

/** All names that are declared in a node, at any depth. */
export function declaredIn(node: Tree): Set<string> {
  const names = new Set<string>()
  const add = (pattern: Tree): void => {
    for (const name of namesIn(pattern)) names.add(name)
  }
  walk(node, (one) => {
    if (one.type === 'VariableDeclarator') add(one.id)
    else if (one.type === 'CatchClause' && one.param) add(one.param)
    else if (isFunction(one)) for (const param of one.params) add(param)
    if ((isFunction(one) || one.type === 'ClassDeclaration' || one.type === 'ClassExpression') && one.id) add(one.id)
  })
  return names
}
