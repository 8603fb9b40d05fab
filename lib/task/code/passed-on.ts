import { helperCall, type Kinds } from './kinds.ts'
import { calleeOf, isFunction, keyOf, type Tree } from './tree.ts'

/** What is known of a value: nothing can change it; a literal whose members are known; or nothing. */
type Shape = 'fixed' | 'unknown' | Extract<Tree, { type: 'ObjectExpression' | 'ArrayExpression' }>

/** Methods of a list that give nothing of it but its elements, and change nothing. */
const listMethods =
  /^(?:map|filter|flatMap|flat|join|includes|indexOf|lastIndexOf|slice|concat|some|every|find|findIndex|findLast|forEach|at|toString|keys|values|entries|toSorted|toReversed)$/

/**
 * Whether the value of a name of the top level may be changed by who names it here, or be handed to somebody who changes it. A text cannot, nor
 * can a list of texts that is only read.
 */
export function passedOn(name: Tree, above: readonly Tree[], kinds: Kinds): boolean {
  const binding = kinds.binding(name)
  if (binding === undefined) return false
  let at = name
  let shape = shapeOf(name, kinds)
  for (let level = above.length - 1; level >= 0; level -= 1) {
    if (shape === 'fixed') return false
    const parent = above[level] as Tree
    const outer = above.slice(0, level)
    switch (parent.type) {
      case 'MemberExpression': {
        if (parent.object !== at) return false
        const user = outer.at(-1)
        if (user?.type === 'CallExpression' && user.callee === parent) return !isRead(parent, user, shape, kinds)
        shape = memberShape(shape, keyOf(parent), kinds)
        at = parent
        continue
      }
      case 'LogicalExpression':
      case 'SequenceExpression':
      case 'ChainExpression':
      case 'ParenthesizedExpression':
      case 'AwaitExpression':
        at = parent
        continue
      case 'ConditionalExpression':
        if (parent.test === at) return false
        at = parent
        continue
      case 'TemplateLiteral': {
        const user = outer.at(-1)
        return user?.type === 'TaggedTemplateExpression' && !isShell(user.tag, kinds)
      }
      case 'SpreadElement':
        return elements(shape, kinds) !== 'fixed'
      case 'ForOfStatement':
        return parent.right === at && elements(shape, kinds) !== 'fixed'
      case 'Property':
        return !kinds.isDefinitionMember(parent, outer) && !isNeed(outer, kinds)
      case 'ArrayExpression':
        return true
      case 'CallExpression':
        if (parent.callee === at) return at !== name || kinds.callable(name) === undefined
        return !leavesAsIs(parent, at, shape, kinds)
      case 'BinaryExpression':
      case 'UnaryExpression':
      case 'ForInStatement':
      case 'IfStatement':
      case 'WhileStatement':
      case 'ExpressionStatement':
        return false
      default:
        return true
    }
  }
  return true
}

/** What is known of the value of a name. */
function shapeOf(node: Tree, kinds: Kinds): Shape {
  const binding = kinds.binding(node)
  if (binding === undefined) return kinds.isPrimitive(node) ? 'fixed' : literal(node)
  const { from, members } = binding
  const value = kinds.value(node)
  // What Node's modules and vital-ops export is taken as it is; what another package exports may have a state.
  if (from !== undefined) return kinds.packageOf(from.module) === undefined ? 'fixed' : 'unknown'
  // A namespace of a file is what it is; what it holds is looked at where it is held.
  if (members !== undefined) return 'fixed'
  if (value === undefined) return 'unknown'
  if (kinds.isPrimitive(value) || kinds.isBuilderCall(value) || helperCall(value, 'esm')) return 'fixed'
  if (isFunction(value) || value.type === 'ClassDeclaration' || value.type === 'ClassExpression') {
    return kinds.hasMembers.has(binding.name) ? 'unknown' : 'fixed'
  }
  return literal(value)
}

const literal = (node: Tree): Shape =>
  node.type === 'ObjectExpression' || node.type === 'ArrayExpression' ? node : isFunction(node) ? 'fixed' : 'unknown'

/** What is known of a member; `undefined` is one of whose name nothing is known. */
function memberShape(shape: Shape, key: string | undefined, kinds: Kinds): Shape {
  if (shape === 'fixed' || shape === 'unknown') return shape
  if (key === 'length' && shape.type === 'ArrayExpression') return 'fixed'
  if (shape.type === 'ArrayExpression' || key === undefined) return elements(shape, kinds)
  const named = shape.properties.filter((one) => one.type === 'Property' && keyOf(one) === key)
  const [only] = named
  if (named.length !== 1 || shape.properties.some((one) => one.type !== 'Property' || one.computed))
    return elements(shape, kinds)
  const value = only?.type === 'Property' && only.kind === 'init' ? only.value : undefined
  return value === undefined ? 'unknown' : shapeOf(value, kinds)
}

/** `fixed` where nothing in a literal can be changed. */
function elements(shape: Shape, kinds: Kinds): Shape {
  if (shape === 'fixed' || shape === 'unknown') return shape
  const parts = shape.type === 'ArrayExpression' ? shape.elements : shape.properties
  const isFixed = parts.every((part) => {
    if (part === null) return true
    if (part.type === 'SpreadElement') return elements(shapeOf(part.argument, kinds), kinds) === 'fixed'
    if (part.type === 'Property') return part.kind === 'init' && shapeOf(part.value, kinds) === 'fixed'
    return shapeOf(part, kinds) === 'fixed'
  })
  return isFixed ? 'fixed' : 'unknown'
}

/** A method that only reads, with functions that cannot get at the list itself. */
function isRead(member: Tree, call: Tree, shape: Shape, kinds: Kinds): boolean {
  if (shape === 'unknown' || shape === 'fixed' || shape.type !== 'ArrayExpression') return false
  if (!listMethods.test(keyOf(member) ?? '') || elements(shape, kinds) !== 'fixed') return false
  const given = call.type === 'CallExpression' ? call.arguments : []
  return given.every((one) => {
    const f = kinds.value(one) ?? one
    if (!isFunction(f)) return kinds.isPrimitive(one)
    return (
      f.type === 'ArrowFunctionExpression' &&
      f.params.length <= 2 &&
      f.params.every(({ type }) => type !== 'RestElement')
    )
  })
}

/** A call whose callee keeps nothing of what it is given, and changes nothing of it. */
function leavesAsIs(call: Extract<Tree, { type: 'CallExpression' }>, given: Tree, shape: Shape, kinds: Kinds): boolean {
  const callee = calleeOf(call) as Tree
  if (kinds.isBuilderCall(call)) return true
  if (callee.type === 'Identifier' && callee.name === 'run' && !kinds.binding(callee))
    return call.arguments[0] === given
  if (callee.type === 'MemberExpression' && callee.object.type === 'Identifier' && callee.object.name === 'console')
    return true
  if (!kinds.isComputing(call)) return false
  const gives =
    callee.type === 'MemberExpression' && /^(?:values|entries|freeze|fromEntries|from|of)$/.test(keyOf(callee) ?? '')
  return !gives || elements(shape, kinds) === 'fixed'
}

/** `$`, that of a task or of vital-ops, also with options: what it is given becomes words of a command. */
function isShell(tag: Tree, kinds: Kinds): boolean {
  if (tag.type === 'CallExpression') return isShell(calleeOf(tag) as Tree, kinds)
  if (tag.type === 'MemberExpression') return isShell(tag.object, kinds)
  if (tag.type !== 'Identifier' || tag.name !== '$') return false
  return kinds.binding(tag) === undefined || kinds.isOwn(tag, /^\$$/)
}

/** A member of `needs: { … }` or `finally: { … }` of a definition. */
function isNeed(above: readonly Tree[], kinds: Kinds): boolean {
  const member = above.at(-2)
  const key = member === undefined ? undefined : keyOf(member)
  if (member === undefined || !/^(?:needs|finally|commands)$/.test(key ?? '')) return false
  return kinds.isDefinitionMember(member, above.slice(0, -2))
}
