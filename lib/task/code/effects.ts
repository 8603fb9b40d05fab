import { helperCall, type Kinds } from './kinds.ts'
import { calleeOf, children, declaredIn, isFunction, keyOf, rootOf, type Tree, walk } from './tree.ts'
import { unnamed } from './units.ts'

/** Methods of texts and lists that change nothing. */
const reading =
  /^(?:map|filter|flatMap|flat|join|includes|indexOf|slice|concat|some|every|find|reduce|at|split|trim|trimEnd|trimStart|toLowerCase|toUpperCase|toLocaleUpperCase|replace|replaceAll|startsWith|endsWith|padStart|padEnd|repeat|toString|entries|keys|values)$/

/**
 * Tells what is without effect when it is evaluated: it changes nothing that another piece of code could see. What is not sure is not.
 */
export class Effects {
  readonly #kinds: Kinds
  readonly #known = new Map<Tree, boolean>()
  /** Reading a member, or making a text of a value, may run code that has effects. */
  hidden = false

  constructor(kinds: Kinds) {
    this.#kinds = kinds
    this.hidden = kinds.top.units.some(({ node }) => this.#hidesEffects(node))
  }

  /** Whether evaluating an expression has no effect. Functions in it are made, and not called. */
  isPure(node: Tree | null | undefined): boolean {
    if (!node) return true
    switch (node.type) {
      case 'Literal':
      case 'Identifier':
      case 'ThisExpression':
      case 'FunctionExpression':
      case 'FunctionDeclaration':
      case 'ArrowFunctionExpression':
      case 'Super':
      case 'MetaProperty':
      case 'TemplateElement':
        return true
      case 'ClassExpression':
      case 'ClassDeclaration':
        return this.#isPureClass(node)
      case 'UnaryExpression':
        return node.operator !== 'delete' && this.#parts(node)
      case 'MemberExpression':
      case 'TemplateLiteral':
      case 'BinaryExpression':
      case 'SpreadElement':
        return !this.hidden && this.#parts(node)
      case 'ArrayExpression':
      case 'ObjectExpression':
      case 'Property':
      case 'LogicalExpression':
      case 'ConditionalExpression':
      case 'SequenceExpression':
      case 'ChainExpression':
      case 'ParenthesizedExpression':
        return this.#parts(node)
      case 'CallExpression':
      case 'NewExpression':
        return this.#isPureCall(node)
      default:
        return false
    }
  }

  #parts = (node: Tree): boolean => children(node).every((child) => this.isPure(child))

  #isPureClass(node: Extract<Tree, { type: 'ClassExpression' | 'ClassDeclaration' }>): boolean {
    if (!this.isPure(node.superClass)) return false
    return node.body.body.every((member) => {
      if (member.type === 'StaticBlock') {
        return member.body.every(
          (one) => one.type === 'ExpressionStatement' && helperCall(one.expression, 'name') !== undefined,
        )
      }
      if (member.computed && !this.isPure(member.key)) return false
      return member.type === 'MethodDefinition' || !member.static || this.isPure(member.value)
    })
  }

  #isPureCall(node: Extract<Tree, { type: 'CallExpression' | 'NewExpression' }>): boolean {
    const callee = calleeOf(node) as Tree
    // A function that is handed over may be called.
    const handsOver = (one: Tree): boolean => {
      const value = unnamed(one)
      const f = isFunction(value) ? value : this.#functionOf(value)
      return this.isPure(one) && (f === undefined ? this.#isData(value) : this.#isPureBody(f))
    }
    // What these are given is kept, and called when a task runs.
    const isKept = ['name', 'esm', 'commonJS'].some((name) => helperCall(node, name)) || this.#kinds.isBuilderCall(node)
    if (isKept)
      return (
        (callee.type !== 'MemberExpression' || this.isPure(callee.object)) &&
        node.arguments.every((one) => this.isPure(one))
      )
    if (this.hidden) return false
    if (this.#kinds.isComputing(node)) return node.arguments.every(handsOver)
    const called = isFunction(callee) ? callee : this.#functionOf(callee)
    // One without effects calls nothing that it is given.
    if (called !== undefined && node.type === 'CallExpression') {
      return this.#isPureBody(called) && node.arguments.every((one) => this.isPure(one))
    }
    if (callee.type !== 'MemberExpression' || !reading.test(keyOf(callee) ?? '')) return false
    const value = this.#valueOf(callee.object)
    const isList = value.type === 'ArrayExpression' || this.#kinds.isPrimitive(value) || isListCall(value, this.#kinds)
    return isList && this.isPure(callee.object) && node.arguments.every(handsOver)
  }

  /** The function that a name stands for, where it stands for one alone. */
  #functionOf(node: Tree): Extract<Tree, { type: 'FunctionDeclaration' }> | undefined {
    const value = this.#kinds.callable(node)
    return isFunction(value) ? (value as Extract<Tree, { type: 'FunctionDeclaration' }>) : undefined
  }

  #valueOf(node: Tree): Tree {
    return this.#kinds.value(node) ?? node
  }

  /** Nothing in it can be called: a text, or lists and objects of such. */
  #isData(node: Tree): boolean {
    if (this.#kinds.isPrimitive(node)) return true
    if (node.type === 'ArrayExpression' || node.type === 'ObjectExpression' || node.type === 'Property') {
      return children(node).every((child) => this.#isData(child))
    }
    const value = this.#valueOf(node)
    return value !== node && this.#isData(value)
  }

  /** Whether calling a function has no effect: it only computes, with variables of its own. */
  #isPureBody(f: Tree): boolean {
    const known = this.#known.get(f)
    if (known !== undefined) return known
    // One that calls itself has the effects of the rest of it.
    this.#known.set(f, true)
    const pure = isFunction(f) && !f.async && !f.generator && this.#isPureCode(f)
    this.#known.set(f, pure)
    return pure
  }

  #isPureCode(f: Tree): boolean {
    const own = declaredIn(f)
    let pure = true
    const isOwn = (target: Tree): boolean =>
      target.type === 'Identifier' && own.has(target.name) && !this.#kinds.top.bindings.has(target.name)
    for (const part of children(f)) {
      walk(part, (node) => {
        if (!pure) return false
        if (isFunction(node)) return false
        if (node.type === 'AssignmentExpression') pure = isOwn(node.left)
        else if (node.type === 'UpdateExpression') pure = isOwn(node.argument)
        else if (node.type === 'CallExpression' || node.type === 'NewExpression') pure = this.#isPureCall(node)
        else if (/^(?:Await|Yield|TaggedTemplate|Import|This)Expression$|^Class|^For/.test(node.type)) pure = false
        else if (node.type === 'UnaryExpression') pure = node.operator !== 'delete'
        else if (node.type === 'MemberExpression' || node.type === 'TemplateLiteral') pure = !this.hidden
        return pure
      })
    }
    return pure
  }

  /** It says what happens when a member is read, or a value made a text, and that is more than computing. */
  #hidesEffects(unit: Tree): boolean {
    let hides = false
    walk(unit, (node, above) => {
      const isAccessor = (node.type === 'Property' || node.type === 'MethodDefinition') && /^[gs]et$/.test(node.kind)
      const parent = above.at(-1)
      const converts =
        (node.type === 'Property' || node.type === 'MethodDefinition' || node.type === 'PropertyDefinition') &&
        parent?.type !== 'ObjectPattern' &&
        /^(?:toString|valueOf|toJSON|then)$/.test(keyOf(node) ?? '')
      const { value } = node as { value?: Tree | null }
      if ((isAccessor || converts) && !(value && isFunction(value) && this.#isPureBody(value))) hides = true
      if (node.type === 'MemberExpression' && rootOf(node).type === 'Identifier') {
        const root = rootOf(node) as { name: string }
        if (
          root.name === 'Symbol' &&
          /^(?:toPrimitive|iterator|asyncIterator|hasInstance|species)$/.test(keyOf(node) ?? '')
        )
          hides = true
        if (/^(?:Object|Reflect)$/.test(root.name) && /^(?:definePropert|setPrototypeOf)/.test(keyOf(node) ?? ''))
          hides = true
      }
      return !hides
    })
    return hides
  }
}

/** A call that gives a list: `Object.keys(x)`, `list.map(…)`. */
function isListCall(node: Tree, kinds: Kinds): boolean {
  if (node.type !== 'CallExpression') return false
  const callee = calleeOf(node) as Tree
  if (callee.type !== 'MemberExpression') return false
  if (callee.object.type === 'Identifier' && callee.object.name === 'Object') return kinds.isComputing(node)
  return (
    /^(?:map|filter|flatMap|flat|slice|concat|split)$/.test(keyOf(callee) ?? '') &&
    (callee.object.type === 'ArrayExpression' ||
      kinds.isPrimitive(callee.object) ||
      isListCall(callee.object, kinds) ||
      kinds.value(callee.object)?.type === 'ArrayExpression')
  )
}
