import { type Kinds, rootName } from './kinds.ts'
import { passedOn } from './passed-on.ts'
import { calleeOf, declaredIn, isFunction, keyOf, memberOf, namesIn, rootOf, type Tree, walk } from './tree.ts'

/** What a piece of code does with the names of the top level. */
export type Uses = {
  /** All that it names. */
  names: Set<string>
  /** Those whose value it may change, or let others change. */
  changes: Set<string>
  /** Tasks that it names as needs of the task that it defines, and nowhere else. */
  needs: Set<string>
  /** It may change what is no name of the bundle: the process, what the language or a module has. */
  changesOutside: boolean
  /** It may look up tasks by their names, so that it may reach any. */
  findsTasks: boolean
}

/** What may be done with `process` without another task noticing. */
const harmless =
  /^(?:env|argv|cwd|platform|arch|version|versions|pid|ppid|exitCode|stdout|stderr|stdin|hrtime|uptime|memoryUsage|exit|kill|nextTick|execPath|release|getuid|getgid)$/

/** Finds out what a node uses. `definition`: the node, where it is a call of `task()` whose needs count by what they leave. */
export function usesOf(node: Tree, kinds: Kinds, definition?: Tree): Uses {
  const uses: Uses = {
    names: new Set(),
    changes: new Set(),
    needs: new Set(),
    changesOutside: false,
    findsTasks: false,
  }
  const own = declaredIn(node)
  const needNodes = definition === undefined ? new Set<Tree>() : needsOf(definition, kinds)
  const root = node.type === 'VariableDeclarator' && node.id.type === 'Identifier' ? (node.init ?? node.id) : node
  const isOutside = (name: string): boolean => name !== '' && !own.has(name) && !kinds.top.bindings.has(name)
  /** A target of an assignment, `delete` and the like. */
  const change = (target: Tree): void => {
    if (target.type === 'ObjectPattern' || target.type === 'ArrayPattern') {
      for (const name of namesIn(target)) noteChange(name)
      // A member that is assigned to by a pattern is rare: what it is of is not looked for.
      walk(target, (one) => {
        if (one.type === 'MemberExpression') uses.changesOutside = true
      })
      return
    }
    const root = rootOf(target)
    if (root.type === 'Identifier')
      noteChange(root.name, target !== root && rootName(target) === 'process' ? target : undefined)
  }
  const noteChange = (name: string, member?: Tree): void => {
    if (kinds.top.bindings.get(name)?.from !== undefined) uses.changesOutside = true
    if (kinds.top.bindings.has(name)) uses.changes.add(name)
    else if (isOutside(name) && !(member && keyOf(member) === 'exitCode')) uses.changesOutside = true
  }
  if (node.type === 'VariableDeclarator' && root === node.id) return uses
  walk(root, (one, above) => {
    const parent = above.at(-1)
    if (one.type === 'AssignmentExpression') change(one.left)
    else if (one.type === 'UpdateExpression') change(one.argument)
    else if (one.type === 'UnaryExpression' && one.operator === 'delete') change(one.argument)
    else if (one.type === 'ForInStatement' || one.type === 'ForOfStatement') {
      if (one.left.type !== 'VariableDeclaration') change(one.left)
    } else if (one.type === 'CallExpression') {
      const [target] = one.arguments
      const isShared = (name: string): boolean => isOutside(name) || kinds.top.bindings.get(name)?.from !== undefined
      if (changesTarget(one) && target && isShared(rootName(target))) uses.changesOutside = true
    }
    if (findsTasks(one, above, kinds)) uses.findsTasks = true
    if (one.type !== 'Identifier') return
    const binding = kinds.top.bindings.get(one.name)
    if (binding === undefined) {
      if (isOutside(one.name) && reachesOutside(one.name, one, above)) uses.changesOutside = true
      return
    }
    // What it declares is no use of it.
    if ((parent as { id?: Tree } | undefined)?.id === one) return
    if (needNodes.has(one)) uses.needs.add(one.name)
    else uses.names.add(one.name)
    if (/^(?:node:)?(?:process|module|vm)$/.test(binding.from?.module ?? '')) uses.changesOutside = true
    if (passedOn(one, above, kinds)) uses.changes.add(one.name)
  })
  for (const name of uses.names) uses.needs.delete(name)
  return uses
}

/** The names in `needs: { a, b: b.with({ … }), c: optional(c) }` of a definition. */
function needsOf(call: Tree, kinds: Kinds): Set<Tree> {
  const found = new Set<Tree>()
  const [definition] = call.type === 'CallExpression' ? call.arguments : []
  const needs = definition && memberOf(definition, 'needs')
  if (needs?.type !== 'ObjectExpression') return found
  for (const one of needs.properties) {
    let value: Tree | undefined = one.type === 'Property' ? one.value : undefined
    if (value?.type === 'CallExpression' && kinds.isOwn(calleeOf(value), /^optional$/)) value = value.arguments[0]
    const callee = value && calleeOf(value)
    if (callee?.type === 'MemberExpression' && keyOf(callee) === 'with') value = callee.object
    if (value?.type === 'Identifier' && kinds.isTaskCall(kinds.value(value))) found.add(value)
  }
  return found
}

/** `Object.assign(x, …)` and the like. */
function changesTarget(call: Tree): boolean {
  const callee = calleeOf(call)
  if (callee?.type !== 'MemberExpression' || callee.object.type !== 'Identifier') return false
  return (
    (callee.object.name === 'Object' &&
      /^(?:assign|define|setPrototypeOf|freeze|seal|prevent)/.test(keyOf(callee) ?? 'define')) ||
    callee.object.name === 'Reflect'
  )
}

/** Whether a name of nobody in the bundle is used in a way that may change what others see. */
function reachesOutside(name: string, node: Tree, above: readonly Tree[]): boolean {
  if (/^(?:globalThis|global|Reflect|Function|eval|Proxy|__opsI)$/.test(name)) return true
  if (name !== 'process') return false
  const parent = above.at(-1)
  if (parent?.type !== 'MemberExpression' || parent.object !== node) return true
  const key = keyOf(parent)
  if (key === undefined || !harmless.test(key)) return true
  if (key !== 'env') return false
  // The variables may be read, and copied; who is handed them may change them.
  const user = above.at(-2)
  if (user?.type === 'MemberExpression' && user.object === parent) return false
  if (user?.type === 'BinaryExpression' && user.operator === 'in') return false
  if (user?.type === 'VariableDeclarator' && user.id.type === 'ObjectPattern') return false
  return user?.type !== 'SpreadElement'
}

/** Whether a task could be found by a name: `tasks` of what `run` is given is looked at, or all of that is passed on. */
function findsTasks(node: Tree, above: readonly Tree[], kinds: Kinds): boolean {
  if (node.type === 'MemberExpression') return keyOf(node) === 'tasks' || keyOf(node) === 'definition'
  if (node.type === 'Property') {
    const isPattern = above.at(-1)?.type === 'ObjectPattern'
    if (isPattern) return /^(?:tasks|definition)$/.test(keyOf(node) ?? 'tasks')
    if (keyOf(node) !== 'run') return false
    const value = kinds.value(node.value) ?? node.value
    const { callee, arguments: given } = value as { callee?: Tree; arguments?: Tree[] }
    const named = callee?.type === 'Identifier' && /^__name\d*$/.test(callee.name) ? given?.[0] : value
    if (isFunction(named)) return passesContext(named)
    // A function of another's making.
    return kinds.isTaskCall(above.at(-2)) || kinds.binding(node.value) !== undefined
  }
  if (node.type !== 'CallExpression' || !kinds.isTaskCall(node)) return false
  return node.arguments[0]?.type !== 'ObjectExpression'
}

/** Whether a function passes on all that it is given, or takes members of it by names that are not written. */
function passesContext(
  f: Extract<Tree, { type: 'FunctionExpression' | 'FunctionDeclaration' | 'ArrowFunctionExpression' }>,
): boolean {
  const [context, ...more] = f.params
  let passes = more.length > 0
  walk(f.body, (node) => {
    if (node.type === 'Identifier' && node.name === 'arguments') passes = true
  })
  if (context === undefined || passes) return passes
  if (context.type === 'ObjectPattern') return context.properties.some(({ type }) => type === 'RestElement')
  if (context.type !== 'Identifier') return true
  walk(f.body, (node, above) => {
    if (node.type !== 'Identifier' || node.name !== context.name) return
    const parent = above.at(-1)
    if (parent?.type === 'MemberExpression' && parent.object === node && keyOf(parent) !== undefined) return
    const isTakenApart =
      parent?.type === 'VariableDeclarator' && parent.init === node && parent.id.type === 'ObjectPattern'
    const hasRest =
      isTakenApart && (parent.id as { properties: Tree[] }).properties.some(({ type }) => type === 'RestElement')
    if (!isTakenApart || hasRest) passes = true
  })
  return passes
}
