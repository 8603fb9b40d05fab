import {
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  visit,
} from 'yaml'
import type { Failure } from '../model/failure.ts'
import { type SourceText, type Spot, sourceText } from './source-text.ts'
import { convertYaml, keyText } from './yaml-values.ts'

/** A key path into a document: names of mappings' keys, indexes of sequences. */
export type Path = readonly (string | number)[]

/** One YAML document with its value and the positions of everything in it. */
export type YamlFile = {
  source: SourceText
  /** The value as plain JavaScript; undefined when the text is no YAML that can be read. */
  value: unknown
  /** What is wrong with the text as YAML. Repeated keys leave a value (the first one's); other errors do not. */
  failures: Failure[]
  /** Where a value begins; for an empty value, its key. Undefined when the path leads nowhere. */
  valueSpot(path: Path): Spot | undefined
  /** Where a key begins. For an item of a sequence, where the item begins; for the root, where the document's content begins. */
  keySpot(path: Path): Spot
  /** Where the `index`-th `mark` stands inside a text value, as written. Falls back to where the value begins. */
  markSpot(path: Path, mark: string, index: number): Spot | undefined
}

/** Beyond this many characters a file is refused: configuration is written by people, and parsing takes more than linear time. */
const sizeLimit = 256 * 1024
/** The parser's own stack and patterns give up at some thousand levels, without an error that could be caught. */
const bracketLimit = 100

/**
 * Parses one YAML 1.2 document. Never throws, whatever the text. Failures: `invalid-yaml`, `yaml-tabs`, `duplicate-key`, `alias-bomb`,
 * `file-too-large`.
 */
export function parseYamlFile(file: string, raw: string): YamlFile {
  const source = sourceText(file, raw)
  const refused = refuse(source)
  if (refused) return withoutContent(source, [refused])
  let document: Document.Parsed
  try {
    document = parseDocument(source.text, { prettyErrors: false, strict: true, uniqueKeys: true, merge: false })
  } catch (error) {
    return withoutContent(source, [
      failureAt(source, 0, 'invalid-yaml', 'not readable as YAML', (error as Error).message),
    ])
  }
  const syntax = syntaxFailure(source, document)
  if (syntax) return withoutContent(source, [syntax])
  const { value, failures } = convertYaml(source, document)
  return { ...locators(source, document), source, value, failures: [...repeatedKeys(source, document), ...failures] }
}

function refuse(source: SourceText): Failure | undefined {
  if (source.text.length > sizeLimit) {
    return failureAt(
      source,
      0,
      'file-too-large',
      `larger than ${sizeLimit / 1024} KiB`,
      'it is no configuration written by hand',
    )
  }
  const control = source.text.search(/[^\t\n\r\u0020-\u007E\u0085\u00A0-\uD7FF\uD800-\uDFFF\uE000-\uFFFD]/)
  if (control >= 0) {
    const code = source.text.charCodeAt(control).toString(16).toUpperCase().padStart(4, '0')
    return failureAt(source, control, 'invalid-yaml', `holds the control character U+${code}`, 'YAML allows none')
  }
  let depth = 0
  for (let at = 0; at < source.text.length; at += 1) {
    const character = source.text[at]
    if (character === '[' || character === '{') depth += 1
    if (character === ']' || character === '}') depth = Math.max(0, depth - 1)
    if (depth > bracketLimit) {
      return failureAt(source, at, 'invalid-yaml', `more than ${bracketLimit} brackets inside one another`)
    }
  }
}

/** The first error of syntax. Those after it are mostly its consequences, so they are not reported. */
function syntaxFailure(source: SourceText, document: Document.Parsed): Failure | undefined {
  const error = [...document.errors, ...document.warnings]
    .filter(({ code }) => code !== 'DUPLICATE_KEY')
    .sort((left, right) => left.pos[0] - right.pos[0])[0]
  if (!error) return undefined
  const found = source.spot(error.pos[0])
  const tab = found.source.search(/^ *\t/) === 0 ? found.source.indexOf('\t') : -1
  if (error.code === 'TAB_AS_INDENT' || (error.code === 'BAD_INDENT' && tab >= 0)) {
    return {
      code: 'yaml-tabs',
      message: 'a tab is used for indentation',
      place: { ...found.place, column: tab + 1 },
      source: found.source,
      why: 'YAML indents with spaces only',
      outcome: 'unchanged',
    }
  }
  const open = ['MISSING_CHAR', 'BAD_INDENT'].includes(error.code)
    ? openedAt(source, document, error.pos[0])
    : undefined
  if (open !== undefined) {
    const what = /["']/.test(source.text[open] ?? '') ? 'quote' : 'bracket'
    const why = what === 'bracket' ? 'or what is in it is indented too little' : undefined
    return failureAt(source, open, 'invalid-yaml', `this ${what} is not closed`, why)
  }
  const said = explanations[error.code]
  const own = (error.message.split('\n')[0] ?? '').replace(/[,;].*/, '')
  const message = said?.message ?? `invalid YAML: ${own.charAt(0).toLowerCase()}${own.slice(1)}`
  return failureAt(source, error.pos[0], 'invalid-yaml', message, said?.why)
}

/** What the parser's terse messages mean, by its own codes. */
const explanations: Record<string, { message: string; why: string }> = {
  BLOCK_AS_IMPLICIT_KEY: {
    message: 'a mapping inside of a value',
    why: 'this line or the next one is indented wrongly, or a text with `: ` in it lacks quotes',
  },
  BAD_INDENT: { message: 'wrong indentation', why: 'all keys of a mapping begin at the same column' },
  MULTIPLE_DOCS: { message: 'a second document begins', why: 'expected one document in a file' },
}

/** Where the quoted text or the bracketed collection begins that was still open when an error was found. */
function openedAt({ text }: SourceText, document: Document.Parsed, position: number): number | undefined {
  const closing: Record<string, string> = { '[': ']', '{': '}', '"': '"', "'": "'" }
  let found: number | undefined
  const consider = (node: Node) => {
    const [start, end] = node.range ?? [0, 0]
    const closed = end - start > 1 && text[end - 1] === closing[text[start] ?? '']
    if (start < position && end >= position && !closed) found = start
  }
  visit(document, {
    Scalar: (_, node) => void (node.type?.startsWith('QUOTE') && consider(node)),
    Collection: (_, node) => void (node.flow && consider(node)),
  })
  return found
}

function repeatedKeys(source: SourceText, document: Document.Parsed): Failure[] {
  return document.errors
    .filter(({ code }) => code === 'DUPLICATE_KEY')
    .map((error) => {
      const key = /^[^:\s]+/.exec(source.text.slice(error.pos[0]))?.[0] ?? ''
      return failureAt(
        source,
        error.pos[0],
        'duplicate-key',
        `the key \`${key}\` is there twice`,
        'each key once in a mapping',
      )
    })
}

function withoutContent(source: SourceText, failures: Failure[]): YamlFile {
  const start = () => source.spot(0)
  return { source, value: undefined, failures, valueSpot: start, keySpot: start, markSpot: start }
}

function failureAt(source: SourceText, offset: number, code: string, message: string, why?: string): Failure {
  return { code, message, ...source.spot(offset), ...(why !== undefined && { why }), outcome: 'unchanged' }
}

type Located = { pair?: Pair; node: Node | null }

function locators(source: SourceText, document: Document.Parsed): Pick<YamlFile, 'valueSpot' | 'keySpot' | 'markSpot'> {
  const resolve = (node: unknown): Node | null => {
    if (isAlias(node)) return node.resolve(document) ?? null
    return isNode(node) ? node : null
  }

  function locate(path: Path): Located | undefined {
    let at: Located = { node: document.contents }
    for (const step of path) {
      const parent = resolve(at.node)
      if (isMap(parent)) {
        const pair = parent.items.find(({ key }) => isScalar(key) && keyText(key) === String(step))
        if (!pair) return undefined
        at = { pair, node: isNode(pair.value) ? pair.value : null }
      } else if (isSeq(parent)) {
        const item = parent.items[Number(step)]
        if (!isNode(item)) return undefined
        at = { node: item }
      } else return undefined
    }
    return at
  }

  const keyStart = ({ pair, node }: Located): number => {
    const key = pair?.key
    return (isNode(key) ? key.range?.[0] : node?.range?.[0]) ?? 0
  }

  const valueStart = (located: Located): number => {
    const range = located.node?.range
    return range && range[1] > range[0] ? range[0] : keyStart(located)
  }

  return {
    keySpot: (path) => source.spot(keyStart(locate(path) ?? { node: document.contents })),
    valueSpot(path) {
      const located = locate(path)
      return located && source.spot(valueStart(located))
    },
    markSpot(path, mark, index) {
      const located = locate(path)
      const node = resolve(located?.node)
      if (!located || !node?.range) return located && source.spot(valueStart(located))
      let at = node.range[0] - 1
      for (let count = 0; count <= index; count += 1) {
        at = source.text.indexOf(mark, at + 1)
        if (at < 0 || at >= node.range[1]) return source.spot(node.range[0])
      }
      return source.spot(at)
    },
  }
}
