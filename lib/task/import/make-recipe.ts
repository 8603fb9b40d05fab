import { entryCode, type Identifiers, stringCode } from './code.ts'
import type { Expander, Lost, Names } from './make-expand.ts'
import { wordsOf } from './make-functions.ts'
import type { Assignment, Makefile, RecipeLine } from './make-parse.ts'
import type { Target, Targets } from './make-targets.ts'
import type { Loss } from './model.ts'
import { type LineOptions, lineCode, plainChain, scriptCode } from './shell-line.ts'

/** Makes the code of recipes. */
export class Recipes {
  readonly #file: Makefile
  readonly #expander: Expander
  readonly #identifiers: Identifiers
  readonly #targets: Targets
  readonly #lost: (place: { line: number; file: string }, losses: Loss[]) => Lost

  constructor(
    file: Makefile,
    { expander, identifiers, targets }: { expander: Expander; identifiers: Identifiers; targets: Targets },
    lost: (place: { line: number; file: string }, losses: Loss[]) => Lost,
  ) {
    this.#file = file
    this.#expander = expander
    this.#identifiers = identifiers
    this.#targets = targets
    this.#lost = lost
  }

  /** The variables that commands get in their environment. */
  exported(): string[] {
    const { assignments, exports, exportsAll } = this.#file
    const all = exportsAll || this.#targets.flags.has('.EXPORT_ALL_VARIABLES')
    const named = assignments
      .filter(
        ({ exported, target, name }) => target === undefined && (exported || (all && /^[A-Za-z_]\w*$/.test(name))),
      )
      .map(({ name }) => name)
    return [...new Set([...named, ...exports.filter((name) => this.#expander.names.includes(name))])].filter(
      (name) => name !== 'SHELL',
    )
  }

  /** The lines of code of `run` for recipes; `names` are the automatic variables. */
  code(recipes: Target['recipes'], names: Names, losses: Loss[], overrides: readonly Assignment[]): string[] {
    const exported = this.exported()
    const entries = [
      ...(exported.length > 0 ? ['...exported()'] : []),
      ...overrides
        .filter((one) => one.exported || exported.includes(one.name))
        .map((one) => entryCode(one.name, stringCode([...(names.get(one.name) ?? []), '']))),
    ]
    const options: LineOptions = entries.length > 0 ? { dollar: 'own' } : {}
    const lines = recipes.flatMap(({ rule }) => this.#inlined(rule.recipe))
    const codes: string[] = []
    let test = ''
    for (const line of this.#targets.flags.has('.ONESHELL') && lines.length > 0 ? [oneShell(lines)] : lines) {
      const lost = this.#lost(line, losses)
      const code = this.#line(line, names, lost, options)
      if (code === undefined) continue
      const own = line.conditions
      const wanted = own.length === 0 ? '' : this.#expander.testCode(own, names, lost)
      if (wanted !== '' && wanted === test)
        codes[codes.length - 1] = `${(codes.at(-1) as string).slice(0, -2)}\n  ${code}\n}`
      else codes.push(wanted === '' ? code : `if (${wanted}) {\n  ${code}\n}`)
      test = wanted
    }
    const usesOwn = codes.some((code) => /\bown\b/.test(code))
    return usesOwn ? [`const own = $({ env: { ...process.env, ${entries.join(', ')} } })`, ...codes] : codes
  }

  /** A line that is one variable made by `define`, or a call of it, stands for its lines. */
  #inlined(lines: readonly RecipeLine[]): RecipeLine[] {
    return lines.flatMap((line) => {
      const match = /^\s*[@+-]*\s*\$[({](?:call\s+)?([\w-]+)((?:,[^()]*)?)[)}]\s*$/.exec(line.text)
      const value = match ? this.#file.assignments.findLast((one) => one.name === match[1])?.value : undefined
      if (value === undefined || (match?.[2] === '' && !value.includes('\n'))) return [line]
      const given = (match?.[2] ?? '').slice(1).split(',')
      const own = value.replace(
        /\$(?:\(([1-9])\)|\{([1-9])\}|([1-9]))/g,
        (_, ...names: string[]) => given[Number(names.slice(0, 3).find(Boolean)) - 1] ?? '',
      )
      return own.split('\n').map((text) => ({ ...line, text }))
    })
  }

  #line({ text }: RecipeLine, names: Names, lost: Lost, options: LineOptions): string | undefined {
    const sigils = /^[\s@+-]*/.exec(text)?.[0] ?? ''
    const command = text.slice(sigils.length)
    if (command.trim() === '' || command.startsWith('#')) return undefined
    const dollar = `${options.dollar ?? '$'}${sigils.includes('-') ? '({ nothrow: true })' : ''}`
    const own = { ...options, dollar }
    const called = sigils.includes('-') ? undefined : this.#submake(command)
    if (called !== undefined) return called
    const parts = this.#expander.expand(command, names, lost)
    if (parts.every((part) => typeof part === 'string' && part.trim() === '')) return undefined
    const flat = parts.map((part) => (typeof part === 'string' ? part.replace(/\\\n/g, '') : part))
    const isPlain = plainChain(flat) !== undefined || lineCode(flat, own).startsWith(`${dollar}\``)
    return `await ${isPlain ? lineCode(flat, own) : scriptCode(parts, own)}`
  }

  /** `$(MAKE) target` makes another target of this makefile. */
  #submake(command: string): string | undefined {
    const match = /^(?:\$[({]MAKE[)}]|make)((?:\s+(?:-s|--silent|--no-print-directory))*)((?:\s+[\w./-]+)+)\s*$/.exec(
      command,
    )
    const targets = wordsOf(match?.[2] ?? '')
    if (targets.length === 0 || !targets.every((one) => this.#targets.all.has(one))) return undefined
    return targets.map((one) => `await run(${this.#identifiers.task(this.#targets.nameOf(one))})`).join('\n')
  }
}

/** All lines of a recipe in one shell, without the sigils of the first. */
function oneShell(lines: readonly RecipeLine[]): RecipeLine {
  const [first, ...rest] = lines as [RecipeLine, ...RecipeLine[]]
  return { ...first, text: [first.text, ...rest.map(({ text }) => text.replace(/^[@+-]+/, ''))].join('\n') }
}

/** The program that runs the lines of recipes, with its options without `-c`: `SHELL` and `.SHELLFLAGS`. */
export function shellOf(expander: Expander): string[] {
  const shell = expander.known('$(SHELL)') ?? '/bin/sh'
  const flags = wordsOf(expander.known('$(.SHELLFLAGS)') ?? '-c')
  const last = flags.pop() ?? '-c'
  const rest = last.replace('c', '')
  return [
    ...wordsOf(shell).map((word) => (word === '/usr/bin/env' ? 'env' : word)),
    ...flags,
    ...(rest === '-' ? [] : [rest]),
  ]
}
