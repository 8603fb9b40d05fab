import { keyOf, namesIn, type Parsed, type Tree } from './tree.ts'

/** A piece of a bundle's top level: one declaration, one statement, or a part of the default export. */
export type Unit = {
  /** The file, as esbuild names it. */
  file: string
  /** What it declares; empty for a statement that declares nothing. */
  name: string
  node: Tree
  /** It declares something, and evaluating it may be without effect; what stands alone is there for its effect. */
  declares: boolean
}

/** A name of the bundle's top level. */
export type Binding = {
  name: string
  /** The units that make its value, by their places in the list. */
  units: number[]
  /** What it is declared with, where that is one expression, function or class, and not a part of what a pattern takes apart. */
  value?: Tree
  /** Where it is imported: the module and the name there. */
  from?: { module: string; name: string }
  /** Of a namespace of a bundled file: the names that stand for its exports. */
  members?: Map<string, string>
}

/** What a bundle's top level consists of. */
export type TopLevel = {
  units: Unit[]
  bindings: Map<string, Binding>
  /** By the name of each export: the name of the binding. */
  exports: Map<string, string>
}

/** Statements that this bundler adds: they give the file's own folder. */
const folderText = /^globalThis\[(?:\/\* @__PURE__ \*\/ )?Symbol\.for\("vital-ops\.folder"\)\] = /

/** Takes a bundle's top level apart. What esbuild puts before the first file is of this program's making, and left out. */
export function topLevel({ text, statements, headers }: Parsed): TopLevel {
  const top: TopLevel = { units: [], bindings: new Map(), exports: new Map() }
  const begin = headers[0]?.at ?? 0
  let header = 0
  for (const node of statements) {
    while ((headers[header + 1]?.at ?? Number.POSITIVE_INFINITY) < node.start) header += 1
    const file = headers[header]?.file ?? ''
    if (node.type === 'ImportDeclaration') addImport(top, node)
    else if (node.type === 'ExportNamedDeclaration') addExports(top, node)
    else if (node.start < begin || node.type === 'ExportAllDeclaration' || node.type === 'EmptyStatement') continue
    else if (!folderText.test(text.slice(node.start, node.end))) addStatement(top, node, file)
  }
  return top
}

function bind(top: TopLevel, name: string): Binding {
  let binding = top.bindings.get(name)
  if (binding === undefined) {
    binding = { name, units: [] }
    top.bindings.set(name, binding)
  }
  return binding
}

function addImport(top: TopLevel, node: Extract<Tree, { type: 'ImportDeclaration' }>): void {
  for (const one of node.specifiers) {
    const { imported } = one as { imported?: Tree }
    const name =
      one.type === 'ImportDefaultSpecifier' ? 'default' : imported?.type === 'Identifier' ? imported.name : '*'
    bind(top, one.local.name).from = { module: String(node.source.value), name }
  }
}

function addExports(top: TopLevel, node: Extract<Tree, { type: 'ExportNamedDeclaration' }>): void {
  if (node.source) return
  for (const { local, exported } of node.specifiers) {
    const name = exported.type === 'Identifier' ? exported.name : String(exported.value)
    if (local.type === 'Identifier') top.exports.set(name, local.name)
  }
}

function addStatement(top: TopLevel, node: Tree, file: string): void {
  const add = (unit: Unit): number => top.units.push(unit) - 1
  if (node.type === 'VariableDeclaration') {
    for (const one of node.declarations) {
      const names = namesIn(one.id)
      const unit = add({ file, name: names.join(', '), node: one, declares: true })
      for (const name of names) {
        const binding = bind(top, name)
        // Declared twice (`var`), it has no one value.
        const isFirst = binding.units.push(unit) === 1
        if (isFirst && one.id.type === 'Identifier' && one.init) binding.value = unnamed(one.init)
        else delete binding.value
      }
    }
    return
  }
  if ((node.type === 'FunctionDeclaration' || node.type === 'ClassDeclaration') && node.id) {
    const unit = add({ file, name: node.id.name, node, declares: true })
    const binding = bind(top, node.id.name)
    if (binding.units.push(unit) === 1) binding.value = node
    else delete binding.value
    return
  }
  const call =
    node.type === 'ExpressionStatement' && node.expression.type === 'CallExpression' ? node.expression : undefined
  const helper = call?.callee.type === 'Identifier' ? call.callee.name : ''
  const [target, second] = call?.arguments ?? []
  // `__name(f, "f")` says what f is called, and no more.
  if (/^__name\d*$/.test(helper) && target?.type === 'Identifier' && top.bindings.has(target.name)) return
  if (/^__export\d*$/.test(helper) && target?.type === 'Identifier' && second?.type === 'ObjectExpression') {
    const namespace = bind(top, target.name)
    namespace.units.push(add({ file, name: target.name, node, declares: true }))
    namespace.members = new Map(second.properties.flatMap((one) => exportedMember(one)))
    return
  }
  add({ file, name: '', node, declares: false })
}

/** `name: () => binding` of what esbuild makes of a namespace. */
function exportedMember(one: Tree): [string, string][] {
  const key = keyOf(one)
  const value = one.type === 'Property' ? one.value : undefined
  const body = value?.type === 'ArrowFunctionExpression' ? value.body : undefined
  return key !== undefined && body?.type === 'Identifier' ? [[key, body.name]] : []
}

/** What `__name(value, "name")` gives: the value. */
export function unnamed(value: Tree): Tree {
  if (value.type !== 'CallExpression' || value.callee.type !== 'Identifier') return value
  const [first] = value.arguments
  return /^__name\d*$/.test(value.callee.name) && first ? first : value
}
