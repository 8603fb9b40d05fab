import { isBuiltin } from 'node:module'
import { packageName } from '../packages.ts'
import { calleeOf, isFunction, keyOf, rootOf, type Tree, walk } from './tree.ts'
import type { Binding, TopLevel } from './units.ts'

/** What makes tasks and arguments; each gives a value that nothing changes afterwards. */
const builders = /^(?:task|text|number|flag|choice|duration|path|optional)$/
const builderMethods = /^(?:describe|optional|default|env|positional|repeated|alias|schema|complete|undeclared|with)$/

/** Functions of Node that compute a text from texts. */
const textFunctions: Readonly<Record<string, RegExp>> = {
  path: /^(?:join|resolve|dirname|basename|extname|relative|normalize|isAbsolute|sep|delimiter)$/,
  url: /^(?:fileURLToPath|pathToFileURL)$/,
  os: /^(?:homedir|tmpdir|platform|arch|hostname|EOL|type|release)$/,
}

/** Members of the language's own objects that compute, and keep nothing of what they are given. */
const computing: Readonly<Record<string, RegExp>> = {
  Object: /^(?:keys|values|entries|fromEntries|freeze|hasOwn)$/,
  Array: /^(?:isArray|from|of)$/,
  JSON: /^(?:stringify|parse)$/,
  Math: /./,
  Number: /./,
  String: /^raw$/,
  Symbol: /^for$/,
}

/** Members of a definition of which the engine changes nothing. */
const definitionMembers =
  /^(?:inputs|outputs|env|environment|dotenv|platforms|aliases|mutex|args|needs|finally|retry|description|group|deprecated|folder|commands)$/

/** What a bundle's names stand for. */
export class Kinds {
  readonly top: TopLevel
  /** Names whose value something may change: what they are declared with says nothing of them. */
  readonly changed = new Set<string>()
  /** Functions and classes that are used as objects, too. */
  readonly hasMembers = new Set<string>()
  readonly #isOwn: (module: string) => boolean

  constructor(top: TopLevel, isOwn: (module: string) => boolean) {
    this.top = top
    this.#isOwn = isOwn
    for (const { node } of top.units) {
      walk(node, (one) => {
        if (one.type !== 'MemberExpression' || one.object.type !== 'Identifier') return
        if (!/^(?:call|apply|bind|name|length)$/.test(keyOf(one) ?? '')) this.hasMembers.add(one.object.name)
      })
    }
  }

  binding(node: Tree | undefined): Binding | undefined {
    return node?.type === 'Identifier' ? this.top.bindings.get(node.name) : undefined
  }

  /** What a name is declared with, where it always stands for that. */
  value(node: Tree | undefined): Tree | undefined {
    const binding = this.binding(node)
    return binding === undefined || this.changed.has(binding.name) ? undefined : binding.value
  }

  /** The function or class that a name always stands for. */
  callable(node: Tree | undefined): Tree | undefined {
    const value = this.value(node)
    return isFunction(value) || /^Class/.test(value?.type ?? '') ? value : undefined
  }

  /** The package, not one of Node's modules nor vital-ops, that a module is of; undefined for those. */
  packageOf(module: string): string | undefined {
    return isBuiltin(module) || this.#isOwn(module) ? undefined : packageName(module)
  }

  /** Whether a property is a member of a definition whose value the engine leaves as it is. */
  isDefinitionMember(property: Tree, above: readonly Tree[]): boolean {
    if (property.type !== 'Property' || !definitionMembers.test(keyOf(property) ?? '')) return false
    return above.at(-1)?.type === 'ObjectExpression' && this.isTaskCall(above.at(-2))
  }

  /** Whether a node is a name of vital-ops that matches. */
  isOwn(node: Tree | undefined, names: RegExp): boolean {
    const from = this.binding(node)?.from
    return from !== undefined && this.#isOwn(from.module) && names.test(from.name)
  }

  /** Whether a node is a call of `task()`. */
  isTaskCall = (node: Tree | null | undefined): boolean =>
    node?.type === 'CallExpression' && this.isOwn(calleeOf(node), /^task$/)

  /** Whether a node is `task()`, `text()…` or another call that makes a part of a definition. */
  isBuilderCall(node: Tree): boolean {
    const callee = calleeOf(node)
    if (node.type !== 'CallExpression' || callee === undefined) return false
    if (this.isOwn(callee, builders)) return true
    if (callee.type !== 'MemberExpression' || !builderMethods.test(keyOf(callee) ?? '')) return false
    const { object } = callee
    return this.isBuilderCall(object) || this.#isBuilt(object)
  }

  #isBuilt(node: Tree): boolean {
    const value = this.value(node)
    return value?.type === 'CallExpression' && this.isBuilderCall(value)
  }

  /** Whether a call is one of the language's, or of Node, that computes from its arguments and keeps nothing. */
  isComputing(node: Tree): boolean {
    const callee = calleeOf(node)
    if (callee === undefined) return false
    if (callee.type === 'Identifier' && !this.binding(callee)) {
      const { name } = callee
      if (node.type === 'NewExpression') return /^(?:Map|Set|URL|RegExp|\w*Error|URLSearchParams)$/.test(name)
      return /^(?:String|Number|Boolean|BigInt|Symbol|parseInt|parseFloat|encodeURIComponent|decodeURIComponent)$/.test(
        name,
      )
    }
    if (this.isTextFunction(callee)) return true
    if (callee.type !== 'MemberExpression' || callee.object.type !== 'Identifier') return false
    const known = this.binding(callee.object) ? undefined : computing[callee.object.name]
    return known?.test(keyOf(callee) ?? '') === true
  }

  /** `join` of node:path and the like, by its own name or as a member. */
  isTextFunction(callee: Tree): boolean {
    const named = (node: Tree, name: (from: { name: string }) => string | undefined): boolean => {
      const from = this.binding(node)?.from
      if (from === undefined || !isBuiltin(from.module)) return false
      const known = textFunctions[from.module.replace(/^node:/, '')]
      return known?.test(name(from) ?? '') === true
    }
    if (callee.type === 'MemberExpression') {
      return named(callee.object, ({ name }) => (name === 'default' || name === '*' ? keyOf(callee) : undefined))
    }
    return named(callee, ({ name }) => name)
  }

  /** Whether an expression gives a text, number or the like: nothing can change it. */
  isPrimitive(node: Tree | null | undefined): boolean {
    if (!node) return false
    if (node.type === 'Literal') return node.regex === undefined || !/[gy]/.test(node.regex.flags)
    if (node.type === 'TemplateLiteral' || node.type === 'BinaryExpression') return true
    if (node.type === 'UnaryExpression') return true
    if (node.type === 'LogicalExpression') return this.isPrimitive(node.left) && this.isPrimitive(node.right)
    if (node.type === 'ConditionalExpression')
      return this.isPrimitive(node.consequent) && this.isPrimitive(node.alternate)
    if (node.type === 'MemberExpression') return isVariable(node)
    if (node.type === 'CallExpression') {
      const callee = calleeOf(node) as Tree
      if (callee.type === 'Identifier' && !this.binding(callee))
        return /^(?:String|Number|Boolean|BigInt)$/.test(callee.name)
      return this.isTextFunction(callee) && keyOf(callee) !== 'pathToFileURL'
    }
    if (node.type !== 'Identifier') return false
    if (node.name === 'undefined') return true
    const value = this.value(node)
    return value !== undefined && !isFunction(value) && this.isPrimitive(value)
  }
}

/** `process.env.NAME`. */
export function isVariable(node: Tree): boolean {
  if (node.type !== 'MemberExpression') return false
  const { object } = node
  return object.type === 'MemberExpression' && keyOf(object) === 'env' && rootName(object) === 'process'
}

/** The name at the bottom of a chain of members; empty where there is none. */
export function rootName(node: Tree): string {
  const root = rootOf(node)
  return root.type === 'Identifier' ? root.name : ''
}

/** The arguments of a call of esbuild's own helper of this name; undefined for another call. */
export function helperCall(node: Tree, name: string): readonly Tree[] | undefined {
  if (node.type !== 'CallExpression' || node.callee.type !== 'Identifier') return undefined
  return new RegExp(`^__${name}\\d*$`).test(node.callee.name) ? node.arguments : undefined
}
