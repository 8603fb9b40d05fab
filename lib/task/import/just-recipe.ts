import { entryCode, type Identifiers, literal, memberCode, stringCode } from './code.ts'
import { expressionCode, namesIn, type Scope } from './just-code.ts'
import { dedented, type Expression } from './just-expression.ts'
import { type JustNames, keyOf } from './just-names.ts'
import type { Dependency, Justfile, Recipe } from './just-parse.ts'
import type { Insert, Loss, Parts } from './model.ts'
import { type LineOptions, lineCode, plainChain, scriptCode } from './shell-line.ts'

/** Makes the code of recipes. */
export class JustRecipes {
  readonly #file: Justfile
  readonly #identifiers: Identifiers
  readonly #names: JustNames

  constructor(file: Justfile, identifiers: Identifiers, names: JustNames) {
    this.#file = file
    this.#identifiers = identifiers
    this.#names = names
  }

  #calls(dependencies: readonly Dependency[], scope: Scope, recipe: Recipe): string[] {
    return dependencies.map((dependency) => {
      if (!this.#names.recipes.has(dependency.name)) scope.lost('a recipe that is not in this file', dependency.name)
      if (!this.#names.recipes.has(dependency.name))
        return `unsupported(${literal(`${recipe.name}: ${dependency.name}`)})`
      const input = this.#names.input(dependency, scope)
      return `await run(${this.#identifiers.task(dependency.name)}${input === undefined ? '' : `, ${input}`})`
    })
  }

  /** The lines of code of a recipe's `run`; `isNeed`: what stands before it is a need of the task. */
  body(recipe: Recipe, isNeed: boolean, losses: Loss[]): string[] {
    let line = recipe.line
    const scope = this.#names.scope(recipe, (why, what) => void losses.push({ line, file: recipe.file, what, why }))
    const out: string[] = []
    const own = this.#ownDollar(recipe, scope)
    if (own) out.push(`const own = $({ ${own} })`)
    if (!isNeed) out.push(...this.#calls(recipe.before, scope, recipe))
    const options: LineOptions = { ...(own ? { dollar: 'own' } : {}), ...this.#positional(recipe) }
    const attribute = recipe.attributes.find(({ name }) => name === 'script')
    const [first] = recipe.body
    const shebang = typeof first?.parts[0] === 'string' ? /^#!\s*(.*)$/.exec(first.parts[0])?.[1] : undefined
    if (shebang !== undefined || attribute) {
      line = first?.line ?? line
      const program = shebang ?? (attribute?.args.length ? attribute.args.join(' ') : 'sh -eu')
      out.push(...this.#script(recipe, program, shebang === undefined ? 0 : 1, scope, options))
    } else {
      for (const logical of joined(recipe)) {
        line = logical.line
        const code = this.#line(logical.parts, scope, options)
        if (code !== undefined) out.push(code)
      }
    }
    out.push(...this.#calls(recipe.after, scope, recipe))
    return own && !out.slice(1).some((code) => /\bown\b/.test(code)) ? out.slice(1) : out
  }

  #positional({ attributes, parameters }: Recipe): Pick<LineOptions, 'positional'> {
    const isSet =
      this.#file.settings.has('positional-arguments') || attributes.some(({ name }) => name === 'positional-arguments')
    if (!isSet || parameters.length === 0) return {}
    const codes = parameters.map(({ name, many }) => `${many === '' ? '' : '...'}${memberCode('args', keyOf(name))}`)
    return { positional: `[${codes.join(', ')}]` }
  }

  /** The options of the recipe's own `$`: exported variables, another folder. */
  #ownDollar(recipe: Recipe, scope: Scope): string | undefined {
    const all = this.#file.settings.has('export')
    const names = recipe.parameters.filter(({ exported }) => exported || all).map(({ name }) => name)
    const entries = [
      ...(this.#names.exported().length > 0 ? ['...exported()'] : []),
      ...names.flatMap((name) => {
        const value = scope.name(name)
        return value ? [entryCode(name, stringCode([value, '']))] : []
      }),
    ]
    const set = this.#file.settings.get('working-directory')
    const folder =
      recipe.attributes.find(({ name }) => name === 'working-directory')?.args[0] ??
      (typeof set === 'object' && !Array.isArray(set) && set.kind === 'string' ? set.value : undefined)
    const isHere = recipe.attributes.some(({ name }) => name === 'no-cd')
    const options = [
      ...(isHere
        ? ['cwd: process.cwd()']
        : folder === undefined
          ? []
          : [`cwd: join(import.meta.dirname, ${literal(folder)})`]),
      ...(entries.length === 0 ? [] : [`env: { ...process.env, ${entries.join(', ')} }`]),
    ]
    return options.length === 0 ? undefined : options.join(', ')
  }

  #line(parts: readonly (string | Expression)[], scope: Scope, options: LineOptions): string | undefined {
    const [first, ...rest] = parts
    const sigils = typeof first === 'string' ? (/^\s*[@-]*/.exec(first)?.[0] ?? '') : ''
    const text: Parts = [
      typeof first === 'string' ? first.slice(sigils.length) : '',
      ...(typeof first === 'string' || first === undefined ? [] : [first]),
      ...rest,
    ].map((part) => (typeof part === 'string' ? part : this.#insert(part, scope)))
    if (text.every((part) => typeof part === 'string' && (part.trim() === '' || part.trim().startsWith('#'))))
      return undefined
    const dollar = options.dollar ?? '$'
    const called = sigils.includes('-') ? undefined : this.#calledRecipe(text)
    if (called !== undefined) return called
    return `await ${lineCode(text, { ...options, dollar: sigils.includes('-') ? `${dollar}({ nothrow: true })` : dollar })}`
  }

  /** `just build x` within a recipe calls the other one. */
  #calledRecipe(parts: Parts): string | undefined {
    const chain = plainChain(parts)
    if (chain?.length !== 1 || parts.some((part) => typeof part !== 'string')) return undefined
    const words = parts.join('').trim().split(/\s+/)
    const recipe = words[0] === 'just' ? this.#names.recipes.get(words[1] ?? '') : undefined
    if (!recipe || words.some((word) => /["'<>]/.test(word))) return undefined
    const input = this.#names.input(
      { name: recipe.name, args: words.slice(2).map((value) => ({ kind: 'string', value })) },
      { name: () => undefined, lost() {} },
    )
    return `await run(${this.#identifiers.task(recipe.name)}${input === undefined ? '' : `, ${input}`})`
  }

  #insert(expression: Expression, scope: Scope): Insert {
    if (expression.kind === 'call' && expression.name === 'quote' && expression.args.length === 1) {
      const inner = expressionCode(expression.args[0] as Expression, scope)
      return { ...inner, code: stringCode([inner, '']), shape: 'word', param: inner.param ?? 'quoted' }
    }
    const made = expressionCode(expression, scope)
    const own =
      expression.kind === 'name'
        ? undefined
        : namesIn(expression)
            .map((name) => scope.name(name)?.param)
            .find((param) => param !== undefined)
    return own === undefined || made.param !== undefined ? made : { ...made, param: `${own}_value` }
  }

  #script(recipe: Recipe, program: string, skipped: number, scope: Scope, options: LineOptions): string[] {
    const words = program
      .replace(/^(\/usr)?\/bin\/env (-S )?/, '')
      .trim()
      .split(/\s+/)
    const name = (words[0] ?? 'sh').replace(/^.*\//, '')
    const lines = recipe.body.slice(skipped).flatMap(({ parts }, index) => [...(index === 0 ? [] : ['\n']), ...parts])
    const isShell = /^(ba|z|da|k)?sh$/.test(name)
    const parts = dedentedParts(lines).map((part) => (typeof part === 'string' ? part : this.#insert(part, scope)))
    if (isShell) return [`await ${scriptCode(parts, { ...options, shell: words })}`]
    const option = { python: '-c', python3: '-c', node: '-e', ruby: '-e', perl: '-e', php: '-r', deno: 'eval' }[name]
    if (option === undefined) {
      scope.lost(`a script for ${name}, which takes none as an argument`, `#!${program}`)
      return [`unsupported(${literal(`${recipe.name}: #!${program}`)})`]
    }
    if (parts.some((part) => typeof part !== 'string' && part.param !== undefined)) {
      scope.lost('arguments become a part of the script’s code, as in just', `#!${program}`)
    }
    const given = options.positional === undefined ? '' : ` \${${options.positional}}`
    return [`await ${options.dollar ?? '$'}\`${words.join(' ')} ${option} \${${stringCode(parts)}}${given}\``]
  }
}

/** Lines that end with a backslash go on in the next one, whose indentation goes. */
function joined({ body }: Recipe): { line: number; parts: (string | Expression)[] }[] {
  const out: { line: number; parts: (string | Expression)[] }[] = []
  let open = false
  for (const { line, parts } of body) {
    const copy = [...parts]
    if (open && typeof copy[0] === 'string') copy[0] = copy[0].trimStart()
    const last = copy.at(-1)
    const goesOn = typeof last === 'string' && last.endsWith('\\') && !last.endsWith('\\\\')
    if (goesOn) copy[copy.length - 1] = (last as string).slice(0, -1)
    if (open) out.at(-1)?.parts.push(...copy)
    else out.push({ line, parts: copy })
    open = goesOn
  }
  return out
}

/** A script keeps its relative indentation; the parser has taken the recipe's away. */
const dedentedParts = (parts: (string | Expression)[]): (string | Expression)[] =>
  parts.every((part) => typeof part === 'string') ? [dedented(parts.join(''))] : parts
