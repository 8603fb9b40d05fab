import {
  camelCase,
  entryCode,
  type Identifiers,
  isIdentifier,
  keyCode,
  literal,
  memberCode,
  stringCode,
} from './code.ts'
import { expressionCode, isCostly, namesIn, type Scope } from './just-code.ts'
import type { Expression } from './just-expression.ts'
import type { Dependency, Justfile, Recipe } from './just-parse.ts'
import type { Insert, Loss } from './model.ts'

/** The key of a parameter in `args`. */
export const keyOf = (name: string): string => (isIdentifier(name) ? name : camelCase(name))

/** What the names of a justfile mean in the draft. */
export class JustNames {
  readonly recipes: ReadonlyMap<string, Recipe>
  readonly #file: Justfile
  readonly #identifiers: Identifiers
  readonly #variables: ReadonlyMap<string, { value: Expression; costly: boolean }>

  constructor(file: Justfile, identifiers: Identifiers) {
    this.#file = file
    this.#identifiers = identifiers
    this.#variables = this.#known()
    this.recipes = new Map(file.recipes.map((recipe) => [recipe.name, recipe]))
  }

  #known(): ReadonlyMap<string, { value: Expression; costly: boolean }> {
    const values = new Map(this.#file.variables.map(({ name, value }) => [name, value]))
    const costly = (name: string, above: readonly string[] = []): boolean => {
      const value = values.get(name)
      if (!value || above.includes(name)) return false
      return isCostly(value, (inner) => costly(inner, [...above, name]))
    }
    return new Map([...values].map(([name, value]) => [name, { value, costly: costly(name) }]))
  }

  /** The value of a variable of the file. */
  variable(name: string): Insert | undefined {
    const known = this.#variables.get(name)
    if (!known) return undefined
    const id = this.#identifiers.constant(name)
    const { shape } =
      known.value.kind === 'string'
        ? expressionCode(known.value, { name: () => undefined, lost() {} })
        : { shape: 'loose' as const }
    return { code: known.costly ? `${id}()` : id, shape: shape === 'list' ? 'words' : shape }
  }

  /** The code of variables, those first that others read. */
  constants(losses: Loss[]): string[] {
    const done = new Set<string>()
    const out: string[] = []
    const place = (name: string): void => {
      const known = this.#variables.get(name)
      if (!known || done.has(name)) return
      done.add(name)
      for (const inner of namesIn(known.value)) place(inner)
      const line = this.#file.variables.find((one) => one.name === name)?.line ?? 1
      const scope: Scope = {
        name: (one) => this.variable(one),
        lost: (why, what) => void losses.push({ line, what, why }),
      }
      const { code } = expressionCode(known.value, scope)
      out.push(
        `const ${this.#identifiers.constant(name)} = ${known.costly ? `once(() => ${code})` : code.replace(/^\((.*)\)$/s, unwrapped)}`,
      )
    }
    for (const { name } of this.#file.variables) place(name)
    const exported = this.exported().map((name) => entryCode(name, this.variable(name)?.code ?? "''"))
    if (exported.length > 0) out.push(`const exported = () => ({ ${exported.join(', ')} })`)
    return out.length === 0 ? [] : [out.join('\n')]
  }

  /** The code that reads the dotenv file. */
  dotenv(): string[] {
    const { settings } = this.#file
    const set = settings.get('dotenv-path') ?? settings.get('dotenv-filename')
    if (!settings.has('dotenv-load') && set === undefined) return []
    const name = typeof set === 'object' && !Array.isArray(set) && set.kind === 'string' ? set.value : '.env'
    const path = `join(import.meta.dirname, ${literal(name)})`
    return [`const environmentFile = ${path}\nif (existsSync(environmentFile)) process.loadEnvFile(environmentFile)`]
  }

  /** The value of a name within a recipe. */
  scope(recipe: Recipe, lost: Scope['lost']): Scope {
    return {
      lost,
      name: (name) => {
        const parameter = recipe.parameters.find((one) => one.name === name)
        if (!parameter) return this.variable(name)
        const code = memberCode('args', keyOf(name))
        const param = /^(PATH|HOME|IFS|PWD|SHELL|USER)$/.test(name) ? `${name}_` : name.replaceAll('-', '_')
        if (parameter.many !== '') return { code, shape: 'list', param }
        const { preset } = parameter
        if (!preset) return { code, shape: 'word', param }
        if (preset.kind === 'string')
          return { code, shape: preset.value === '' || /\s/.test(preset.value) ? 'words' : 'word', param }
        return {
          code: `(${code} ?? ${stringCode([expressionCode(preset, this.scope(recipe, lost))])})`,
          shape: 'loose',
          param,
        }
      },
    }
  }

  /** The input of another recipe's task; undefined for none. */
  input({ name, args }: Dependency, scope: Scope): string | undefined {
    const parameters = this.recipes.get(name)?.parameters ?? []
    const given = parameters.flatMap((parameter, index) => {
      if (index >= args.length) return []
      const codes = (parameter.many === '' ? args.slice(index, index + 1) : args.slice(index)).map((arg) =>
        expressionCode(arg, scope),
      )
      const value =
        parameter.many === ''
          ? stringCode(codes)
          : `[${codes.map((one) => (one.shape === 'list' ? `...${one.code}` : one.code)).join(', ')}]`
      return [`${keyCode(keyOf(parameter.name))}: ${value}`]
    })
    return given.length === 0 ? undefined : `{ ${given.join(', ')} }`
  }

  /** Variables of the file that commands get in their environment. */
  exported(): string[] {
    const all = this.#file.settings.has('export')
    return this.#file.variables.filter(({ exported }) => exported || all).map(({ name }) => name)
  }
}

const unwrapped = (whole: string, inner: string): string => {
  let depth = 0
  for (const character of inner) {
    if (character === '(') depth += 1
    if (character === ')') depth -= 1
    if (depth < 0) return whole
  }
  return inner
}
