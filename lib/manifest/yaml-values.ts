import { type Document, isAlias, isMap, isScalar, isSeq, type Node, type Scalar } from 'yaml'
import type { Failure } from '../model/failure.ts'
import type { SourceText } from './source-text.ts'

/** How many values a document may have once its aliases are expanded: anchors that explode pass it at once, people never do. */
const valueLimit = 20_000
const depthLimit = 100

/**
 * Mappings whose values become the text of environment variables: numbers and truth values keep the text as written, so that
 * `VERSION: 1.10` is not 1.1 and `ID: 00123` not 123.
 */
const textMappings = new Set(['environment_variables', 'values'])

/** Turns a document's nodes into plain values. Failures: `alias-bomb`, `invalid-yaml` (unknown alias, keys that are no text). */
export function convertYaml(source: SourceText, document: Document.Parsed): { value: unknown; failures: Failure[] } {
  const failures: Failure[] = []
  const open = new Set<Node>()
  const targets = new Map<Node, Node | undefined>()
  let count = 0
  let unusable = false

  /** What an alias stands for is not known: more mistakes would only be consequences. */
  const failAlias = (node: Node, code: string, message: string, why?: string): undefined => {
    unusable = true
    return fail(node, code, message, why)
  }

  const fail = (node: Node, code: string, message: string, why?: string): undefined => {
    failures.push({
      code,
      message,
      ...source.spot(node.range?.[0] ?? 0),
      ...(why !== undefined && { why }),
      outcome: 'unchanged',
    })
    return undefined
  }

  function convert(node: unknown, depth: number, asText: boolean, alias?: Node): unknown {
    if (unusable) return undefined
    count += 1
    if (count > valueLimit || depth > depthLimit) {
      unusable = true
      const at = alias ?? (node as Node)
      return alias
        ? fail(
            at,
            'alias-bomb',
            `aliases expand to more than ${valueLimit} values`,
            'anchors that refer to anchors multiply',
          )
        : fail(at, 'invalid-yaml', depth > depthLimit ? 'nested too deeply' : `more than ${valueLimit} values`)
    }
    if (isAlias(node)) {
      // Looking up an anchor walks the whole document.
      const target = targets.has(node) ? targets.get(node) : node.resolve(document)
      targets.set(node, target)
      if (!target) return failAlias(node, 'invalid-yaml', `no anchor \`&${node.source}\` stands before the alias`)
      if (open.has(target)) {
        return failAlias(
          node,
          'alias-bomb',
          `the alias \`*${node.source}\` is inside of what it stands for`,
          'it would expand for ever',
        )
      }
      return convert(target, depth + 1, asText, alias ?? node)
    }
    if (isScalar(node)) return scalar(node, asText)
    if (!isMap(node) && !isSeq(node)) return null
    open.add(node)
    const value = isSeq(node)
      ? node.items.map((item) => convert(item, depth + 1, false, alias))
      : mapping(node.items, depth, asText, alias)
    open.delete(node)
    return value
  }

  function mapping(items: { key: unknown; value: unknown }[], depth: number, asText: boolean, alias?: Node): object {
    const result: Record<string, unknown> = {}
    for (const { key, value } of items) {
      if (!isScalar(key)) {
        if (key instanceof Object) fail(key as Node, 'invalid-yaml', 'a key must be a text')
        continue
      }
      const name = keyText(key)
      if (name === '__proto__') {
        fail(key, 'unknown-key', 'unknown key `__proto__`')
        continue
      }
      if (Object.hasOwn(result, name)) continue
      result[name] = convert(value, depth + 1, asText || (textMappings.has(name) && !isScalar(value)), alias)
    }
    return result
  }

  const value = convert(document.contents, 0, false)
  return { value: unusable ? undefined : value, failures }
}

function scalar(node: Scalar, asText: boolean): unknown {
  const { value } = node
  if (asText && (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')) {
    return node.source ?? String(value)
  }
  return typeof value === 'bigint' ? Number(value) : value
}

/** A mapping's key as text, as it becomes a property's name. */
export function keyText(key: { value: unknown; source?: string }): string {
  return typeof key.value === 'string' ? key.value : (key.source ?? String(key.value ?? ''))
}
