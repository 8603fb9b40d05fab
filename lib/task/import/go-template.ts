import { literal, stringCode, textCode } from './code.ts'
import type { Insert, Parts } from './model.ts'

/** What a template's names mean. */
export type TemplateScope = {
  /** The value of `.NAME`. */
  variable(name: string): Insert
  lost(why: string, what: string): void
}

/** Cuts a text with `{{ }}` of Go's text/template into its parts, each action as JavaScript. */
export function templateParts(text: string, scope: TemplateScope): Parts {
  return new Template(text, scope).parts(0).parts
}

/** The names that a template reads (`.NAME`). */
export function templateNames(text: string): string[] {
  return [...text.matchAll(/\{\{[\s\S]*?\}\}/g)].flatMap(([action]) =>
    [...action.replace(/"(?:[^"\\]|\\.)*"|`[^`]*`/g, '').matchAll(/(?<![\w)\]])\.([A-Za-z_]\w*)/g)].map(
      (match) => match[1] as string,
    ),
  )
}

type Block = { parts: (string | Insert)[]; end: string; at: number }

class Template {
  readonly #tokens: (string | { action: string })[] = []
  readonly #scope: TemplateScope

  constructor(text: string, scope: TemplateScope) {
    this.#scope = scope
    let from = 0
    for (const match of text.matchAll(/\{\{(-?)\s*((?:"(?:[^"\\]|\\.)*"|`[^`]*`|[^"`}]|\}(?!\}))*?)\s*(-?)\}\}/g)) {
      const [whole, trimsBefore, action = '', trimsAfter] = match
      let plain = text.slice(from, match.index)
      if (trimsBefore) plain = plain.trimEnd()
      from = match.index + whole.length
      if (trimsAfter) from += /^\s*/.exec(text.slice(from))?.[0].length ?? 0
      if (plain !== '') this.#tokens.push(plain)
      if (!action.startsWith('/*')) this.#tokens.push({ action })
    }
    if (from < text.length) this.#tokens.push(text.slice(from))
  }

  /** The parts up to an `else` or `end` of the block that begins at a token. */
  parts(start: number): Block {
    const parts: (string | Insert)[] = []
    for (let at = start; at < this.#tokens.length; at += 1) {
      const token = this.#tokens[at] as string | { action: string }
      if (typeof token === 'string') parts.push(token)
      else if (/^(else|end)\b/.test(token.action)) return { parts, end: token.action, at }
      else if (/^if\b/.test(token.action)) {
        const block = this.#conditional(token.action.slice(2), at)
        parts.push(block.insert)
        at = block.at
      } else if (/^(range|with|define|template|block)\b|:=/.test(token.action)) {
        this.#scope.lost('a template action without a counterpart', `{{${token.action}}}`)
        parts.push({ code: `unsupported(${literal(`{{${token.action}}}`)})`, shape: 'text' })
        if (/^(range|with|define|block)\b/.test(token.action)) at = this.#behind(at)
      } else parts.push(this.#pipeline(token.action))
    }
    return { parts, end: '', at: this.#tokens.length }
  }

  #behind(start: number): number {
    let depth = 0
    for (let at = start; at < this.#tokens.length; at += 1) {
      const token = this.#tokens[at]
      if (typeof token === 'string' || !token) continue
      if (/^(if|range|with|define|block)\b/.test(token.action)) depth += 1
      if (token.action === 'end') depth -= 1
      if (depth === 0) return at
    }
    return this.#tokens.length
  }

  #conditional(test: string, start: number): { insert: Insert; at: number } {
    const then = this.parts(start + 1)
    let other: Parts = []
    let { at } = then
    if (/^else if\b/.test(then.end)) {
      const inner = this.#conditional(then.end.slice(7), at)
      other = [inner.insert]
      at = inner.at
    } else if (then.end === 'else') {
      const block = this.parts(at + 1)
      other = block.parts
      at = block.at
    }
    const code = `(${this.#truth(test.trim())} ? ${stringCode(then.parts)} : ${stringCode(other)})`
    return { insert: { code, shape: 'words' }, at }
  }

  #truth(test: string): string {
    const words = splitWords(test)
    const [name = '', ...rest] = words
    const value = (word: string) => textCode(this.#value(word))
    if (name === 'not') return `!(${this.#truth(rest.join(' '))})`
    if (name === 'and') return `(${rest.map((one) => this.#truth(one)).join(' && ')})`
    if (name === 'or') return `(${rest.map((one) => this.#truth(one)).join(' || ')})`
    if (name === 'eq')
      return rest
        .slice(1)
        .map((one) => `${value(rest[0] as string)} === ${value(one)}`)
        .join(' || ')
    if (name === 'ne') return `${value(rest[0] ?? '""')} !== ${value(rest[1] ?? '""')}`
    if (words.length === 1 && /^\(.*\)$/s.test(name)) return this.#truth(name.slice(1, -1))
    return textCode(this.#pipeline(test))
  }

  #pipeline(action: string): Insert {
    const [first = '', ...stages] = splitAt(action, '|')
    let value = this.#call(splitWords(first.trim()))
    for (const stage of stages) {
      const [name = '', ...args] = splitWords(stage.trim())
      value = this.#function(name, [...args.map((arg) => this.#value(arg)), value])
    }
    return value
  }

  #call(words: readonly string[]): Insert {
    const [name = '', ...args] = words
    if (name === 'index' && args.join(' ') === '.MATCH 0') return this.#scope.variable('MATCH')
    if (args.length === 0 && !/^[A-Za-z]\w*$/.test(name)) return this.#value(name)
    return this.#function(
      name,
      args.map((arg) => this.#value(arg)),
    )
  }

  #value(word: string): Insert {
    if (/^\(.*\)$/s.test(word)) return this.#pipeline(word.slice(1, -1))
    const text = /^"((?:[^"\\]|\\.)*)"$/s.exec(word)?.[1] ?? /^`([^`]*)`$/.exec(word)?.[1]
    if (text !== undefined) {
      const value = word.startsWith('"')
        ? text.replace(/\\n/g, '\n').replace(/\\t/g, '\t').replace(/\\(.)/g, '$1')
        : text
      return { code: literal(value), shape: /^[\w./:=@%+,^~-]+$/.test(value) ? 'word' : 'words' }
    }
    if (/^-?\d+(\.\d+)?$/.test(word)) return { code: `'${word}'`, shape: 'word' }
    if (word === 'true' || word === 'false') return { code: `'${word}'`, shape: 'word' }
    const name = /^\.([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)$/.exec(word)?.[1]
    if (name !== undefined) return this.#scope.variable(name)
    if (/^[A-Za-z]\w*$/.test(word)) return this.#function(word, [])
    this.#scope.lost('a value without a counterpart', `{{${word}}}`)
    return { code: `unsupported(${literal(`{{${word}}}`)})`, shape: 'text' }
  }

  #function(name: string, args: readonly Insert[]): Insert {
    const make = Object.hasOwn(functions, name) ? functions[name] : undefined
    const last = args.at(-1)
    if (!make) {
      this.#scope.lost('a template function without a counterpart', `{{${name} …}}`)
      return { code: `unsupported(${literal(`{{${name}}}`)})`, shape: 'text' }
    }
    const code = make(...args.map(textCode))
    const shape =
      last === undefined || /^(default|coalesce|ternary)$/.test(name)
        ? args.some((one) => one.shape === 'words')
          ? 'words'
          : 'word'
        : last.shape
    return {
      code,
      shape: name === 'shellQuote' || name === 'q' ? 'text' : shape === 'list' ? 'words' : shape,
      ...(last?.param ? { param: last.param } : {}),
    }
  }
}

/** Functions of go-task and of slim-sprig, by name. */
const functions: Readonly<Record<string, (...args: string[]) => string>> = {
  OS: () => "(process.platform === 'win32' ? 'windows' : process.platform)",
  ARCH: () => "(process.arch === 'x64' ? 'amd64' : process.arch)",
  numCPU: () => 'String(availableParallelism())',
  exeExt: () => "(process.platform === 'win32' ? '.exe' : '')",
  default: (preset, value) => (value === undefined ? "''" : `(${value} || ${preset})`),
  coalesce: (...values) => `(${values.join(' || ')})`,
  empty: (value) => `(${value} === '' ? 'true' : '')`,
  ternary: (yes, no, test) => `(${test} ? ${yes} : ${no})`,
  upper: (value) => `${value}.toUpperCase()`,
  lower: (value) => `${value}.toLowerCase()`,
  title: (value) => `${value}.replace(/\\b\\w/g, (letter) => letter.toUpperCase())`,
  trim: (value) => `${value}.trim()`,
  trimSuffix: (suffix, value) => `(${value}.endsWith(${suffix}) ? ${value}.slice(0, -${suffix}.length) : ${value})`,
  trimPrefix: (prefix, value) => `(${value}.startsWith(${prefix}) ? ${value}.slice(${prefix}.length) : ${value})`,
  replace: (from, to, value) => `${value}.replaceAll(${from}, ${to})`,
  repeat: (count, value) => `${value}.repeat(Number(${count}))`,
  trunc: (count, value) => `${value}.slice(0, Number(${count}))`,
  quote: (value) => `JSON.stringify(${value})`,
  catLines: (value) => `${value}.replaceAll('\\n', ' ')`,
  base: (value) => `basename(${value})`,
  dir: (value) => `dirname(${value})`,
  ext: (value) => `extname(${value})`,
  osBase: (value) => `basename(${value})`,
  osDir: (value) => `dirname(${value})`,
  joinPath: (...parts) => `join(${parts.join(', ')})`,
  fromSlash: (value) => value ?? "''",
  toSlash: (value) => value ?? "''",
  env: (name) => `(process.env[${name}] ?? '')`,
  printf: (format, ...values) =>
    values.reduce((text, value) => `${text}.replace(/%[sdv]/, () => ${value})`, format ?? "''"),
  print: (...values) => `[${values.join(', ')}].join('')`,
  now: () => 'new Date().toISOString()',
  uuid: () => 'randomUUID()',
  shellQuote: (value) => `\`'\${${value}.replaceAll("'", "'\\\\''")}'\``,
  q: (value) => `\`'\${${value}.replaceAll("'", "'\\\\''")}'\``,
}

/** Words of an action: strings and parentheses stay together. */
const splitWords = (text: string): string[] => splitAt(text, ' ').filter((word) => word !== '')

function splitAt(text: string, separator: string): string[] {
  const out: string[] = ['']
  let depth = 0
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|`[^`]*`|[\s\S]/g)) {
    if (token === '(') depth += 1
    if (token === ')') depth -= 1
    if (depth === 0 && (token === separator || (separator === ' ' && /^\s$/.test(token)))) out.push('')
    else out[out.length - 1] += token
  }
  return out
}
