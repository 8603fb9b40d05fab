/** A source text, and the same with parts blanked out: places stay where they are. */
export type Scanned = {
  text: string
  /** Without comments and the texts of template literals. Strings are whole: imports are read from this. */
  code: string
  /** Also without the texts of strings and regular expressions: for whatever a program does. */
  bare: string
}

/** An import or re-export. `typeOnly` ones are gone at run time. */
export type Import = { specifier: string; typeOnly: boolean; line: number }

const keywordBeforeRegex = /(?:^|[^\w$.])(?:return|typeof|case|in|of|do|else|void|delete|throw|new|await|yield)$/

/**
 * Blanks out comments, templates, strings and regular expressions of TypeScript or JavaScript.
 *
 * @throws when the text ends within one of them: the scanner has then taken something for what it is not
 */
export function scan(text: string): Scanned {
  const code = text.split('')
  const bare = text.split('')
  const blank = (target: string[], from: number, to: number) => {
    for (let i = from; i < to; i++) if (target[i] !== '\n') target[i] = ' '
  }
  const upTo = (end: string, from: number) => {
    const at = text.indexOf(end, from)
    if (at < 0) throw new Error(`no ${JSON.stringify(end)} after character ${from}`)
    return at
  }
  // The braces of the template substitutions that are open, each with the number of braces open inside it.
  const substitutions: number[] = []
  let at = text.startsWith('#!') ? upTo('\n', 0) : 0
  blank(code, 0, at)
  blank(bare, 0, at)
  const template = (from: number) => {
    let i = from
    while (text[i] !== '`' && !text.startsWith('${', i)) {
      if (i >= text.length) throw new Error(`the template before character ${from} does not end`)
      i += text[i] === '\\' ? 2 : 1
    }
    blank(code, from, i)
    blank(bare, from, i)
    if (text[i] === '`') return i + 1
    substitutions.push(0)
    return i + 2
  }
  while (at < text.length) {
    const char = text[at]
    const pair = text.slice(at, at + 2)
    if (pair === '//' || pair === '/*') {
      const newline = text.indexOf('\n', at)
      const end = pair === '/*' ? upTo('*/', at + 2) + 2 : newline < 0 ? text.length : newline
      blank(code, at, end)
      blank(bare, at, end)
      at = end
    } else if (char === "'" || char === '"') {
      let end = at + 1
      while (text[end] !== char) {
        if (end >= text.length || text[end] === '\n') throw new Error(`the string at character ${at} does not end`)
        end += text[end] === '\\' ? 2 : 1
      }
      blank(bare, at + 1, end)
      at = end + 1
    } else if (char === '`') {
      at = template(at + 1)
    } else if (char === '}' && substitutions.at(-1) === 0) {
      substitutions.pop()
      at = template(at + 1)
    } else if (char === '/' && startsRegex(bare, at)) {
      const end = endOfRegex(text, at)
      blank(code, at, end)
      blank(bare, at, end)
      at = end
    } else {
      const depth = substitutions.at(-1)
      if (depth !== undefined && char === '{') substitutions[substitutions.length - 1] = depth + 1
      if (depth !== undefined && char === '}') substitutions[substitutions.length - 1] = depth - 1
      at++
    }
  }
  if (substitutions.length > 0) throw new Error('a template literal does not end')
  return { text, code: code.join(''), bare: bare.join('') }
}

/** All imports, re-exports, dynamic imports, import types and `require` calls with a literal name. */
export function importsOf({ code, bare }: Scanned): Import[] {
  const found: Import[] = []
  const patterns = [
    /^(?:import|export)\b(?<kind>[^'"`;=]*?)\bfrom\s+(?:'(?<single>[^']+)'|"(?<double>[^"]+)")/gm,
    /^import\s*(?:'(?<single>[^']+)'|"(?<double>[^"]+)")/gm,
    /(?<kind>)\b(?:import|require)\(\s*(?:'(?<single>[^']+)'|"(?<double>[^"]+)")/g,
  ]
  for (const pattern of patterns) {
    for (const match of code.matchAll(pattern)) {
      const specifier = match.groups?.single ?? match.groups?.double
      if (!specifier) continue
      // `import('./x.ts').Name` within a type is erased; a dynamic import is awaited, called or passed.
      const isImportType = /^import\(/.test(match[0]) && /^\s*\)\.[A-Z]/.test(bare.slice(match.index + match[0].length))
      const typeOnly = /^\s*type\s+\S/.test(match.groups?.kind ?? '') || isImportType
      found.push({ specifier, typeOnly, line: lineAt(code, match.index) })
    }
  }
  return found.sort((a, b) => a.line - b.line)
}

/** The line of a character, from 1. */
export const lineAt = (text: string, index: number): number => text.slice(0, index).split('\n').length

function startsRegex(before: string[], at: number): boolean {
  const line = before
    .slice(Math.max(0, at - 200), at)
    .join('')
    .trimEnd()
  return line === '' || /[(,=:[!&|?{};+\-*%<>~^]$/.test(line) || keywordBeforeRegex.test(line)
}

function endOfRegex(text: string, at: number): number {
  let inClass = false
  let end = at + 1
  while (text[end] !== '/' || inClass) {
    if (end >= text.length || text[end] === '\n')
      throw new Error(`the regular expression at character ${at} does not end`)
    if (text[end] === '[') inClass = true
    if (text[end] === ']') inClass = false
    end += text[end] === '\\' ? 2 : 1
  }
  return end + 1
}
