/**
 * What of an SQL text lies outside its quotes: where statements end, which comment lines there are, where COPY data stand. It follows psql's own
 * lexer (psqlscan.l: nested comments, dollar quotes, BEGIN ATOMIC bodies), because the server's parser sees neither comments nor COPY data.
 * All positions are UTF-16 offsets into the text.
 */
export type Lexed = {
  /** From the first token to behind the semicolon (or the end of the text). */
  statements: { start: number; end: number }[]
  /** Comments `-- …` that stand alone on their line. `inBody`: inside parentheses or a BEGIN ATOMIC body. */
  commentLines: { start: number; end: number; inBody: boolean }[]
  /** Data behind `COPY … FROM STDIN;`, without the line `\.` that ends them. `end` is behind that line. */
  copies: { statement: number; dataStart: number; dataEnd: number; end: number }[]
  /** A quote, comment or COPY that the text's end cuts off. */
  unterminated?: { what: string; start: number }
}

const identifierStart = /[A-Za-z_\u0080-\uffff]/
const identifier = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
const dollarTag = /\$(?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?\$/y
const endOfData = /^\\\.[ \t]*$/gm

/** Lexes a text whose line ends are `\n`. Never throws. */
export function lexSql(text: string): Lexed {
  return new Lexer(text).run()
}

class Lexer {
  readonly #text: string
  readonly #result: Lexed = { statements: [], commentLines: [], copies: [] }
  #at = 0
  /** Where the statement that is being read began; undefined between two. */
  #start: number | undefined
  #words: string[] = []
  #parentheses = 0
  #bodies = 0

  constructor(text: string) {
    this.#text = text
  }

  run(): Lexed {
    const text = this.#text
    while (this.#at < text.length && this.#result.unterminated === undefined) this.#step(text.charAt(this.#at))
    if (this.#start !== undefined) this.#endStatement(text.length)
    return this.#result
  }

  #step(char: string): void {
    const text = this.#text
    const next = text.charAt(this.#at + 1)
    if (/\s/.test(char)) this.#at++
    else if (char === '-' && next === '-') this.#lineComment()
    else if (char === '/' && next === '*') this.#blockComment()
    else this.#token(char, next)
  }

  #token(char: string, next: string): void {
    this.#start ??= this.#at
    if (char === "'") this.#quoted("'", 'string')
    else if (char === '"') this.#quoted('"', 'quoted name')
    else if ((char === 'E' || char === 'e') && next === "'") {
      this.#at++
      this.#quoted("'", 'string', true)
    } else if (char === '$') this.#dollar()
    else if (identifierStart.test(char)) this.#word()
    else if (/[0-9]/.test(char)) this.#number()
    else {
      if (char === '(') this.#parentheses++
      if (char === ')') this.#parentheses = Math.max(0, this.#parentheses - 1)
      this.#at++
      if (char === ';' && this.#parentheses === 0 && this.#bodies === 0) this.#endStatement(this.#at)
    }
  }

  #lineComment(): void {
    const start = this.#at
    const end = this.#text.indexOf('\n', start)
    this.#at = end < 0 ? this.#text.length : end
    const before = this.#text.slice(this.#text.lastIndexOf('\n', start - 1) + 1, start)
    if (before.trim() === '') {
      const inBody = this.#parentheses > 0 || this.#bodies > 0
      this.#result.commentLines.push({ start, end: this.#at, inBody })
    }
  }

  /** Block comments nest, unlike those of C. */
  #blockComment(): void {
    const start = this.#at
    let depth = 0
    for (const { 0: mark, index } of this.#text.slice(start).matchAll(/\/\*|\*\//g)) {
      depth += mark === '/*' ? 1 : -1
      if (depth > 0) continue
      this.#at = start + index + 2
      return
    }
    this.#cutOff('comment', start)
  }

  #quoted(quote: string, what: string, backslashes = false): void {
    const start = this.#at
    for (let at = start + 1; at < this.#text.length; at++) {
      const char = this.#text.charAt(at)
      if (backslashes && char === '\\') at++
      else if (char === quote && this.#text.charAt(at + 1) === quote) at++
      else if (char === quote) {
        this.#at = at + 1
        return
      }
    }
    this.#cutOff(what, start)
  }

  #dollar(): void {
    const start = this.#at
    dollarTag.lastIndex = start
    const tag = dollarTag.exec(this.#text)?.[0]
    if (tag === undefined) {
      this.#at++
      return
    }
    const end = this.#text.indexOf(tag, start + tag.length)
    if (end < 0) this.#cutOff(`dollar quote ${tag}`, start)
    else this.#at = end + tag.length
  }

  #word(): void {
    identifier.lastIndex = this.#at
    const word = (identifier.exec(this.#text)?.[0] ?? this.#text.charAt(this.#at)).toLowerCase()
    this.#at += word.length
    if (this.#parentheses > 0) return
    this.#words.push(word)
    if (!isRoutine(this.#words)) return
    // `begin` alone may be a name.
    if (word === 'atomic' && this.#words.at(-2) === 'begin') this.#bodies++
    // CASE ends with END too, which matters only inside a body.
    else if (word === 'case' && this.#bodies > 0) this.#bodies++
    else if (word === 'end' && this.#bodies > 0) this.#bodies--
  }

  /** A number takes the letters that follow it, so that `1$a$` is no dollar quote. */
  #number(): void {
    const rest = /[0-9A-Za-z_.]*/y
    rest.lastIndex = this.#at
    this.#at += rest.exec(this.#text)?.[0].length ?? 1
  }

  #endStatement(end: number): void {
    const start = this.#start as number
    const words = this.#words
    this.#result.statements.push({ start, end })
    this.#start = undefined
    this.#words = []
    this.#parentheses = 0
    this.#bodies = 0
    if (words[0] === 'copy' && words.some((word, index) => word === 'from' && words[index + 1] === 'stdin')) {
      this.#copyData(start, end)
    }
  }

  #copyData(statementStart: number, statementEnd: number): void {
    const lineEnd = this.#text.indexOf('\n', statementEnd)
    const dataStart = lineEnd < 0 ? this.#text.length : lineEnd + 1
    endOfData.lastIndex = dataStart
    const mark = endOfData.exec(this.#text)
    if (mark === null) {
      this.#cutOff('COPY … FROM STDIN (no line `\\.` ends its data)', statementStart)
      return
    }
    const end = mark.index + mark[0].length
    this.#result.copies.push({ statement: this.#result.statements.length - 1, dataStart, dataEnd: mark.index, end })
    this.#at = end
  }

  #cutOff(what: string, start: number): void {
    this.#result.unterminated = { what, start }
    this.#at = this.#text.length
  }
}

/** CREATE [OR REPLACE] FUNCTION or PROCEDURE: only there does BEGIN ATOMIC open a body. */
function isRoutine(words: string[]): boolean {
  if (words[0] !== 'create') return false
  const kind = words[1] === 'or' && words[2] === 'replace' ? words[3] : words[1]
  return kind === 'function' || kind === 'procedure'
}
