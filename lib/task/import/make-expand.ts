import { camelCase, literal, stringCode } from './code.ts'
import { functionCodes, textFunctions } from './make-functions.ts'
import type { Assignment, Condition } from './make-parse.ts'
import type { Insert, Parts } from './model.ts'

/** Names that mean something where a text is expanded: automatic variables, parameters of `call`, variables of one target. */
export type Names = ReadonlyMap<string, Parts>

/** A part of a text: as it is, or what stands behind a dollar. */
type Piece = string | { reference: string }

/** Told of what has no counterpart. */
export type Lost = (why: string, what: string) => void

/** Cuts a text at its references; `$$` is a dollar. */
export function pieces(text: string): Piece[] {
  const out: Piece[] = []
  let plain = ''
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] !== '$') {
      plain += text[at]
      continue
    }
    const next = text[at + 1] ?? ''
    if (next === '$') {
      plain += '$'
      at += 1
      continue
    }
    let inner = next
    if (next === '(' || next === '{') {
      const close = next === '(' ? ')' : '}'
      let depth = 1
      let end = at + 2
      for (; end < text.length && depth > 0; end += 1) {
        if (text[end] === next) depth += 1
        else if (text[end] === close) depth -= 1
      }
      inner = text.slice(at + 2, depth === 0 ? end - 1 : end)
      at = end - 1
    } else at += 1
    if (plain !== '') out.push(plain)
    plain = ''
    out.push({ reference: inner })
  }
  if (plain !== '') out.push(plain)
  return out
}

/** Arguments of a function: cut at commas outside of brackets. */
function argumentsOf(text: string): string[] {
  const out = ['']
  let depth = 0
  for (const character of text) {
    if (/[({]/.test(character)) depth += 1
    if (/[)}]/.test(character)) depth -= 1
    if (character === ',' && depth === 0) out.push('')
    else out[out.length - 1] += character
  }
  return out
}

const shapeOf = (text: string): Insert['shape'] =>
  text !== '' && /^[\w./:=@%+,^~-]+$/.test(text) ? 'word' : /^[\w./:=@%+,^~ -]*$/.test(text) ? 'words' : 'text'

/** What a function gives may be shell code where its arguments hold quotes. */
const shapeOfResult = (args: readonly string[]): Insert['shape'] =>
  args.some((arg) => /["'`\\;|&]/.test(arg)) ? 'text' : 'loose'

/** Expands texts of a makefile: to JavaScript, or where all is known to text. */
export class Expander {
  readonly #assignments: ReadonlyMap<string, readonly Assignment[]>
  readonly #identifier: (name: string) => string

  constructor(assignments: readonly Assignment[], identifier: (name: string) => string) {
    const byName = new Map<string, Assignment[]>()
    for (const one of assignments) {
      if (one.target === undefined) byName.set(one.name, [...(byName.get(one.name) ?? []), one])
    }
    this.#assignments = byName
    this.#identifier = identifier
  }

  /** The variables, in the order of their first assignment. */
  get names(): string[] {
    return [...this.#assignments.keys()]
  }

  /** The text when it is known without running anything; the preset of a variable that the environment may set counts as known. */
  known(
    text: string,
    names: ReadonlyMap<string, string> = new Map(),
    above: readonly string[] = [],
  ): string | undefined {
    let out = ''
    for (const piece of pieces(text)) {
      const value = typeof piece === 'string' ? piece : this.#knownReference(piece.reference, names, above)
      if (value === undefined) return undefined
      out += value
    }
    return out
  }

  #knownReference(reference: string, names: ReadonlyMap<string, string>, above: readonly string[]): string | undefined {
    const call = functionOf(reference)
    if (call) {
      const make = Object.hasOwn(textFunctions, call.name) ? textFunctions[call.name] : undefined
      const args = call.args.map((arg) => this.known(arg, names, above))
      return make && args.every((arg) => arg !== undefined) ? make(...(args as string[])) : undefined
    }
    const substitution = substitutionOf(reference)
    if (substitution) {
      const value = this.#knownReference(substitution.name, names, above)
      return value === undefined ? undefined : textFunctions.patsubst?.(substitution.from, substitution.to, value)
    }
    const name = reference
    const given = names.get(name)
    if (given !== undefined) return given
    const all = this.#assignments.get(name)
    if (!all || above.includes(name)) return undefined
    let value: string | undefined
    for (const { flavor, value: text, conditions } of all) {
      if (conditions.length > 0 || flavor === '!=') return undefined
      if (flavor === '?=' && value !== undefined) continue
      const own = this.known(text, names, flavor === ':=' && value !== undefined ? above : [...above, name])
      if (own === undefined) return undefined
      value = flavor === '+=' && value !== undefined ? `${value} ${own}` : own
    }
    return value
  }

  /** The parts of a text, with what is not plain as JavaScript. */
  expand(text: string, names: Names, lost: Lost): Parts {
    return pieces(text).flatMap((piece) =>
      typeof piece === 'string' ? [piece] : this.#reference(piece.reference, names, lost),
    )
  }

  #code(text: string, names: Names, lost: Lost): string {
    return stringCode(this.expand(text, names, lost))
  }

  #reference(reference: string, names: Names, lost: Lost): Parts {
    const call = functionOf(reference)
    if (call) return [this.#function(call.name, call.args, names, lost, reference)]
    const given = names.get(reference)
    if (given) return given
    const substitution = substitutionOf(reference)
    if (substitution) {
      const { name, from, to } = substitution
      const code = `patsubst(${[from, to].map((one) => this.#code(one, names, lost)).join(', ')}, ${stringCode([...this.#reference(name, names, lost), ''])})`
      return [{ code, shape: 'loose' }]
    }
    return [this.#variable(reference, lost)]
  }

  #variable(name: string, lost: Lost): Insert {
    if (name === 'CURDIR') return { code: 'import.meta.dirname', shape: 'word' }
    if (name === 'MAKE') return { code: "'make'", shape: 'word' }
    if (this.#assignments.has(name)) {
      const id = this.#identifier(name)
      const known = this.known(`$(${name})`)
      return { code: this.isLazy(name) ? `${id}()` : id, shape: known === undefined ? 'loose' : shapeOf(known) }
    }
    if (/^[@<^?*+|%]|^(MAKEFLAGS|MAKECMDGOALS|MAKEFILE_LIST|\.\w+)$/.test(name) || !/^[A-Za-z_]\w*$/.test(name)) {
      lost('a variable of make without a counterpart', `$(${name})`)
      return { code: `unsupported(${literal(`$(${name})`)})`, shape: 'text' }
    }
    const preset = { CC: 'cc', CXX: 'g++', AR: 'ar', RM: 'rm -f', SHELL: '/bin/sh' }[name] ?? ''
    return {
      code: `(process.env.${name} ?? ${literal(preset)})`,
      shape: preset.includes(' ') || preset === '' ? 'words' : 'word',
    }
  }

  #function(name: string, args: readonly string[], names: Names, lost: Lost, whole: string): Insert {
    if (name === 'call') {
      const [called = '', ...given] = args
      const body = this.#assignments.get(called.trim())?.at(-1)?.value
      if (body !== undefined) {
        const inner = new Map(names)
        for (const [index, arg] of given.entries()) inner.set(String(index + 1), this.expand(arg, names, lost))
        for (let index = given.length + 1; index < 10; index += 1) inner.set(String(index), [])
        return { code: stringCode([...this.expand(body, inner, lost), '']), shape: 'text' }
      }
    }
    if (name === 'foreach' && args.length === 3) {
      const variable = (args[0] ?? '').trim()
      const word = `${camelCase(variable)}Word`
      const inner = new Map(names).set(variable, [{ code: word, shape: 'word' }])
      const each = `.map((${word}) => ${this.#code(args[2] ?? '', inner, lost)}).join(' ')`
      return { code: `words(${this.#code(args[1] ?? '', names, lost)})${each}`, shape: shapeOfResult(args) }
    }
    const make = Object.hasOwn(functionCodes, name) ? functionCodes[name] : undefined
    if (make) return { code: make(...args.map((arg) => this.#code(arg, names, lost))), shape: shapeOfResult(args) }
    lost('a function of make without a counterpart', `$(${whole})`)
    return { code: `unsupported(${literal(`$(${whole})`)})`, shape: 'text' }
  }

  /** Whether the value of a variable is made by a command or from files: then it is made when it is asked for. */
  isLazy(name: string, above: readonly string[] = []): boolean {
    const all = this.#assignments.get(name)
    if (!all || above.includes(name)) return false
    const inText = (text: string): boolean =>
      pieces(text).some((piece) => {
        if (typeof piece === 'string') return false
        const call = functionOf(piece.reference)
        if (call)
          return (
            ['shell', 'wildcard', 'error', 'call'].includes(call.name) ||
            !Object.hasOwn(functionCodes, call.name) ||
            call.args.some(inText)
          )
        const inner = substitutionOf(piece.reference)?.name ?? piece.reference
        return (
          (!this.#assignments.has(inner) && !/^[A-Za-z_]\w*$/.test(inner)) ||
          /^(MAKEFLAGS|MAKECMDGOALS|MAKEFILE_LIST)$/.test(inner) ||
          this.isLazy(inner, [...above, name])
        )
      })
    const inCondition = (one: Condition) =>
      one.kind === 'equal' ? inText(one.left) || inText(one.right) : this.isLazy(one.name, [...above, name])
    return all.some(({ flavor, value, conditions }) => flavor === '!=' || inText(value) || conditions.some(inCondition))
  }

  /** The code of a variable's value, its assignments folded in their order. */
  valueCode(name: string, lost: (line: number, file: string) => Lost): string {
    let code: string | undefined
    for (const { flavor, value, conditions, line, file } of this.#assignments.get(name) ?? []) {
      if (flavor === '?=' && code !== undefined && conditions.length === 0) continue
      const self: Names = new Map([[name, code === undefined ? [] : [{ code, shape: 'loose' as const }]]])
      const parts = this.expand(value, self, lost(line, file))
      let own = flavor === '!=' ? `shell(${stringCode(parts)}).replaceAll('\\n', ' ')` : stringCode([...parts, ''])
      if (flavor === '?=') own = `process.env.${name} ?? ${code ?? own}`
      if (flavor === '+=' && code !== undefined) own = stringCode([{ code, shape: 'loose' }, ' ', ...parts])
      code =
        conditions.length === 0
          ? own
          : `(${this.testCode(conditions, new Map(), lost(line, file))} ? ${own} : ${code ?? "''"})`
    }
    return code ?? "''"
  }

  /** The names of variables that a variable's value reads. */
  reads(name: string): string[] {
    const inText = (text: string): string[] =>
      pieces(text).flatMap((piece) => {
        if (typeof piece === 'string') return []
        const call = functionOf(piece.reference)
        if (call) return [...call.args.flatMap(inText), ...(call.name === 'call' ? [(call.args[0] ?? '').trim()] : [])]
        return [substitutionOf(piece.reference)?.name ?? piece.reference]
      })
    return (this.#assignments.get(name) ?? []).flatMap(({ value, conditions }) => [
      ...inText(value),
      ...conditions.flatMap((one) => (one.kind === 'equal' ? [...inText(one.left), ...inText(one.right)] : [one.name])),
    ])
  }

  /** The code of conditions that must all hold. */
  testCode(conditions: readonly Condition[], names: Names, lost: Lost): string {
    return conditions
      .map((one) => {
        const equals = one.negated ? '!==' : '==='
        if (one.kind === 'equal')
          return `${this.#code(one.left, names, lost)} ${equals} ${this.#code(one.right, names, lost)}`
        return `${this.#variable(one.name, lost).code} ${one.negated ? '===' : '!=='} ''`
      })
      .join(' && ')
  }
}

function functionOf(reference: string): { name: string; args: string[] } | undefined {
  const match = /^([a-z][a-z-]*)\s+([\s\S]*)$/.exec(reference)
  return match
    ? {
        name: match[1] as string,
        args: argumentsOf(match[2] as string).map((arg, index) => (index === 0 ? arg.trimStart() : arg)),
      }
    : undefined
}

/** `$(NAME:.c=.o)`, `$(NAME:%.c=%.o)`. */
function substitutionOf(reference: string): { name: string; from: string; to: string } | undefined {
  const match = /^([^:\s]+):([^=]*)=(.*)$/.exec(reference)
  if (!match) return undefined
  const [, name = '', from = '', to = ''] = match
  return from.includes('%') ? { name, from, to } : { name, from: `%${from}`, to: `%${to}` }
}
