import { type Expression, JustReader } from './just-expression.ts'
import type { Loss, ReadBeside } from './model.ts'

/** `[name]`, `[name('value')]`, `[name: 'value']`. */
export type Attribute = { name: string; args: string[] }
/** A parameter of a recipe. */
export type Parameter = { name: string; many: '' | '*' | '+'; preset?: Expression; exported: boolean }
/** Another recipe that runs before or after, with arguments. */
export type Dependency = { name: string; args: Expression[] }
/** A line of a recipe: its text, with what stands in `{{ }}`. */
export type BodyLine = { line: number; parts: (string | Expression)[] }

/** A recipe as it is written. */
export type Recipe = {
  name: string
  line: number
  file: string
  quiet: boolean
  parameters: Parameter[]
  before: Dependency[]
  after: Dependency[]
  body: BodyLine[]
  attributes: Attribute[]
  doc?: string
}

/** A justfile as it is written. */
export type Justfile = {
  recipes: Recipe[]
  variables: { name: string; value: Expression; exported: boolean; line: number }[]
  aliases: { name: string; target: string }[]
  settings: Map<string, Expression | Expression[] | true>
  losses: Loss[]
}

/** Parses a justfile and the files that it imports. Throws `FailureError` with the place of what it cannot read. */
export function parseJustfile(content: string, source: string, beside: ReadBeside): Justfile {
  const found: Justfile = { recipes: [], variables: [], aliases: [], settings: new Map(), losses: [] }
  readInto(found, content, source, beside, [])
  return found
}

function readInto(found: Justfile, content: string, file: string, beside: ReadBeside, above: readonly string[]): void {
  const lines = content.replace(/\r\n/g, '\n').split('\n')
  let comments: string[] = []
  let attributes: Attribute[] = []
  for (let at = 0; at < lines.length; at += 1) {
    const first = lines[at] as string
    const line = at + 1
    if (first.trim() === '') {
      comments = []
      continue
    }
    if (first.startsWith('#')) {
      if (!(line === 1 && first.startsWith('#!'))) comments.push(first.replace(/^#+ ?/, ''))
      continue
    }
    let text = first
    // A logical line ends where no string, bracket or backslash is open.
    while (isOpen(text) && at + 1 < lines.length) {
      at += 1
      text += `\n${lines[at]}`
    }
    const reader = new JustReader(text, file, line)
    if (text.startsWith('[')) {
      attributes.push(...readAttributes(reader))
      continue
    }
    const imported = /^import(\?)?\s+(?:'([^']*)'|"([^"]*)")/.exec(text)
    if (imported) {
      const path = imported[2] ?? imported[3] ?? ''
      const inner = above.includes(path) ? undefined : beside(path)
      if (inner !== undefined) readInto(found, inner, path, beside, [...above, path])
      else if (!imported[1]) found.losses.push({ line, file, what: text, why: 'the imported file is not there' })
    } else if (/^mod\??\s/.test(text)) {
      found.losses.push({
        line,
        file,
        what: text,
        why: 'import the module by itself, and include it: import * as name from its Taskfile',
      })
    } else if (readDeclaration(found, reader, line)) {
      // Done there.
    } else {
      const body = lines.slice(at + 1)
      const end = body.findIndex((one) => one.trim() !== '' && !/^[ \t]/.test(one))
      const own = end < 0 ? body : body.slice(0, end)
      const recipe = readRecipe(reader, own, { line, file, bodyLine: at + 2 })
      found.recipes.push({ ...recipe, attributes, ...(comments.length > 0 ? { doc: comments.join(' ').trim() } : {}) })
      at += own.length
    }
    comments = []
    attributes = []
  }
}

function readDeclaration(found: Justfile, reader: JustReader, line: number): boolean {
  const { text } = reader
  const setting = /^set\s+([\w-]+)\s*(:=)?/.exec(text)
  if (setting && !/^set\s*:=/.test(text)) {
    reader.at = setting[0].length
    if (!setting[2]) found.settings.set(setting[1] as string, true)
    else if (reader.take('[')) {
      const all: Expression[] = []
      while (!reader.take(']')) {
        all.push(reader.expression())
        reader.take(',')
      }
      found.settings.set(setting[1] as string, all)
    } else if (reader.take('true')) found.settings.set(setting[1] as string, true)
    else if (!reader.take('false')) found.settings.set(setting[1] as string, reader.expression())
    return true
  }
  const alias = /^alias\s+([\w-]+)\s*:=\s*([\w:-]+)/.exec(text)
  if (alias) {
    found.aliases.push({ name: alias[1] as string, target: alias[2] as string })
    return true
  }
  const variable = /^(export\s+)?([A-Za-z_][\w-]*)\s*:=/.exec(text)
  if (!variable) return false
  reader.at = variable[0].length
  const name = variable[2] as string
  const value = reader.expression()
  if (!reader.isAtEnd()) reader.fail('cannot read the rest of this line')
  found.variables.push({ name, value, exported: variable[1] !== undefined, line })
  return true
}

function readAttributes(reader: JustReader): Attribute[] {
  const found: Attribute[] = []
  reader.expect('[')
  do {
    const name = reader.name() ?? reader.fail('expected an attribute')
    const args: string[] = []
    const argument = () => {
      const value = reader.expression()
      args.push(value.kind === 'string' ? value.value : value.kind === 'name' ? value.name : '')
    }
    if (reader.take(':')) argument()
    else if (reader.take('(')) {
      while (!reader.take(')')) {
        argument()
        if (reader.take('=')) argument()
        reader.take(',')
      }
    }
    found.push({ name, args })
  } while (reader.take(','))
  reader.expect(']')
  return found
}

function readRecipe(
  reader: JustReader,
  body: readonly string[],
  { line, file, bodyLine }: { line: number; file: string; bodyLine: number },
): Omit<Recipe, 'attributes' | 'doc'> {
  const quiet = reader.take('@')
  const name = reader.name() ?? reader.fail('cannot read this line')
  const parameters: Parameter[] = []
  while (!reader.take(':')) {
    const many = reader.take('*') ? '*' : reader.take('+') ? '+' : ''
    const exported = reader.take('$')
    const parameter = reader.name() ?? reader.fail('expected a parameter or ":"')
    const preset = reader.take('=') ? reader.value() : undefined
    parameters.push({ name: parameter, many, exported, ...(preset ? { preset } : {}) })
  }
  const before: Dependency[] = []
  const after: Dependency[] = []
  let into = before
  while (!reader.isAtEnd()) {
    if (reader.take('&&')) into = after
    else if (reader.take('(')) {
      const dependency = { name: reader.name() ?? reader.fail('expected a recipe'), args: [] as Expression[] }
      while (!reader.take(')')) dependency.args.push(reader.expression())
      into.push(dependency)
    } else into.push({ name: reader.name() ?? reader.fail('expected a recipe'), args: [] })
  }
  return { name, line, file, quiet, parameters, before, after, body: bodyLines(body, file, bodyLine) }
}

/** The lines of a recipe without their indentation; empty ones at the end go. */
function bodyLines(lines: readonly string[], file: string, first: number): BodyLine[] {
  const indent = /^[ \t]*/.exec(lines.find((line) => line.trim() !== '') ?? '')?.[0] ?? ''
  const all = lines.map((text, index) => {
    const own = text.startsWith(indent) ? text.slice(indent.length) : text.trimStart()
    return {
      line: first + index,
      parts: interpolated(own, { file, line: first + index, indent: text.length - own.length }),
    }
  })
  while (all.length > 0 && all.at(-1)?.parts.every((part) => part === '')) all.pop()
  return all
}

/** Cuts `{{ expression }}` out of a text; `{{{{` is `{{`. */
function interpolated(
  text: string,
  { file, line, indent }: { file: string; line: number; indent: number },
): (string | Expression)[] {
  const parts: (string | Expression)[] = []
  let from = 0
  let plain = ''
  for (let at = text.indexOf('{{', from); at >= 0; at = text.indexOf('{{', from)) {
    plain += text.slice(from, at)
    if (text.startsWith('{{{{', at)) {
      plain += '{{'
      from = at + 4
      continue
    }
    const reader = new JustReader(text, file, line, indent)
    reader.at = at + 2
    const value = reader.expression()
    reader.expect('}}')
    parts.push(plain, value)
    plain = ''
    from = reader.at
  }
  parts.push(plain + text.slice(from))
  return parts
}

/** Whether a text goes on in the next line: a backslash, an open bracket outside of strings, or a string over several lines. */
function isOpen(text: string): boolean {
  let quote = ''
  let depth = 0
  for (let at = 0; at < text.length; ) {
    if (quote !== '') {
      if (text[at] === '\\' && quote.startsWith('"')) at += 2
      else if (text.startsWith(quote, at)) {
        at += quote.length
        quote = ''
      } else at += 1
      continue
    }
    const open = /^(?:"""|'''|```|["'`])/.exec(text.slice(at, at + 3))?.[0]
    if (open) quote = open
    else if (text[at] === '#') at = text.indexOf('\n', at) < 0 ? text.length : text.indexOf('\n', at)
    else if ('([{'.includes(text[at] as string)) depth += 1
    else if (')]}'.includes(text[at] as string)) depth -= 1
    at += open?.length ?? 1
  }
  return quote !== '' || depth > 0 || text.endsWith('\\')
}
