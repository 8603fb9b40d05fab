import { FailureError } from '../../model/failure.ts'

/** An expression of a justfile (https://just.systems/man/en/, grammar in just's GRAMMAR.md). */
export type Expression =
  | { kind: 'string'; value: string }
  | { kind: 'command'; value: string }
  | { kind: 'name'; name: string }
  | { kind: 'call'; name: string; args: Expression[] }
  | { kind: 'binary'; operator: '+' | '/' | '&&' | '||'; left: Expression; right: Expression }
  | { kind: 'if'; left: Expression; operator: string; right: Expression; then: Expression; else: Expression }

/** Reads expressions, and what stands between them, from the text of a logical line. */
export class JustReader {
  readonly text: string
  readonly file: string
  readonly line: number
  /** How many columns stand before the text in its first line. */
  readonly indent: number
  at = 0

  constructor(text: string, file: string, line: number, indent = 0) {
    this.text = text
    this.file = file
    this.line = line
    this.indent = indent
  }

  /** Passes over white space, line breaks within a string or brackets included, and tells whether nothing is left. */
  isAtEnd(): boolean {
    const rest = /^(?:\s|\\\n|#.*$)*/.exec(this.text.slice(this.at))
    this.at += rest?.[0].length ?? 0
    return this.at >= this.text.length
  }

  /** Takes a token if it is next. */
  take(token: string): boolean {
    if (this.isAtEnd() || !this.text.startsWith(token, this.at)) return false
    if (/\w$/.test(token) && /[\w-]/.test(this.text[this.at + token.length] ?? '')) return false
    this.at += token.length
    return true
  }

  /** Takes a token, which must be there. */
  expect(token: string): void {
    if (!this.take(token)) this.fail(`expected ${JSON.stringify(token)}`)
  }

  /** Takes a name if one is next. */
  name(): string | undefined {
    if (this.isAtEnd()) return undefined
    const found = /^[A-Za-z_][\w-]*/.exec(this.text.slice(this.at))?.[0]
    this.at += found?.length ?? 0
    return found
  }

  /** Throws with the place. */
  fail(message: string): never {
    const before = this.text.slice(0, this.at).split('\n')
    const column = (before.at(-1)?.length ?? 0) + 1 + (before.length === 1 ? this.indent : 0)
    const place = { file: this.file, line: this.line + before.length - 1, column }
    throw new FailureError({ code: 'import-syntax', message: `${this.file}: ${message}`, place, outcome: 'unchanged' })
  }

  /** Reads an expression. */
  expression(): Expression {
    let left = this.#conjunction()
    while (this.take('||')) left = { kind: 'binary', operator: '||', left, right: this.#conjunction() }
    return left
  }

  #conjunction(): Expression {
    let left = this.#sum()
    while (this.take('&&')) left = { kind: 'binary', operator: '&&', left, right: this.#sum() }
    return left
  }

  #sum(): Expression {
    if (this.take('/'))
      return { kind: 'binary', operator: '/', left: { kind: 'string', value: '' }, right: this.#sum() }
    const left = this.value()
    if (this.take('+')) return { kind: 'binary', operator: '+', left, right: this.#sum() }
    if (this.take('/')) return { kind: 'binary', operator: '/', left, right: this.#sum() }
    return left
  }

  /** Reads a value: what an argument of a dependency or a parameter's default may be without parentheses. */
  value(): Expression {
    if (this.take('if')) return this.#conditional()
    if (this.take('(')) {
      const inner = this.expression()
      this.expect(')')
      return inner
    }
    if (this.isAtEnd()) this.fail('expected a value')
    const quoted = this.#quoted()
    if (quoted) return quoted
    const name = this.name() ?? this.fail('expected a value')
    if (this.text[this.at] !== '(') return { kind: 'name', name }
    this.expect('(')
    const args: Expression[] = []
    while (!this.take(')')) {
      args.push(this.expression())
      if (!this.take(',')) {
        this.expect(')')
        break
      }
    }
    return { kind: 'call', name, args }
  }

  #conditional(): Expression {
    const left = this.#sum()
    const operator = ['==', '!=', '=~', '!~'].find((one) => this.take(one)) ?? this.fail('expected a comparison')
    const right = this.#sum()
    this.expect('{')
    const then = this.expression()
    this.expect('}')
    this.expect('else')
    if (this.take('if')) return { kind: 'if', left, operator, right, then, else: this.#conditional() }
    this.expect('{')
    const other = this.expression()
    this.expect('}')
    return { kind: 'if', left, operator, right, then, else: other }
  }

  #quoted(): Expression | undefined {
    const rest = this.text.slice(this.at)
    const open = /^(x?)("""|'''|```|"|'|`)/.exec(rest)
    if (!open) return undefined
    const [whole, , quote = ''] = open
    const start = this.at + whole.length
    let end = start
    while (end < this.text.length && !this.text.startsWith(quote, end)) {
      end += quote.startsWith('"') && this.text[end] === '\\' ? 2 : 1
    }
    if (end >= this.text.length) this.fail('a string is not closed')
    const raw = this.text.slice(start, end)
    this.at = end + quote.length
    const inner = quote.length === 3 ? dedented(raw) : raw
    if (quote.startsWith('`')) return { kind: 'command', value: inner }
    const value = quote.startsWith('"') ? unescaped(inner) : inner
    return { kind: 'string', value }
  }
}

const unescaped = (text: string): string =>
  text.replace(/\\(u\{([0-9a-fA-F]+)\}|\n|.)/g, (_, all: string, code?: string) => {
    if (code) return String.fromCodePoint(Number.parseInt(code, 16))
    return { n: '\n', r: '\r', t: '\t', '\n': '' }[all] ?? all
  })

/** Text without the indentation that all its lines have, and without a first line that is empty. */
export function dedented(text: string): string {
  const lines = (text.startsWith('\n') ? text.slice(1) : text).split('\n')
  const indents = lines.filter((line) => line.trim() !== '').map((line) => /^[ \t]*/.exec(line)?.[0].length ?? 0)
  const least = indents.length === 0 ? 0 : Math.min(...indents)
  return lines.map((line) => (line.trim() === '' ? '' : line.slice(least))).join('\n')
}
