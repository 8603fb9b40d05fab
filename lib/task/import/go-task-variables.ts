import { camelCase, entryCode, type Identifiers, literal, memberCode, stringCode } from './code.ts'
import {
  commandsOf,
  type GoTaskfile,
  selfDefault,
  special,
  type Task,
  type Variable,
  type Variables,
} from './go-task-types.ts'
import { type TemplateScope, templateNames, templateParts } from './go-template.ts'
import type { DraftArgument, Insert, Loss } from './model.ts'

/** Tells the line of a key. */
export type LineOf = (...path: (string | number)[]) => number

/** What the variables of a Taskfile.yml become: constants, arguments, the environment. */
export class GoTaskVariables {
  readonly tasks: ReadonlyMap<string, Task>
  readonly #file: GoTaskfile
  readonly #lineOf: LineOf
  readonly #losses: Loss[]
  readonly #identifiers: Identifiers
  /** Names of variables that callers or the command line set, by task. */
  readonly #given: ReadonlyMap<string, ReadonlySet<string>>

  constructor(
    file: GoTaskfile,
    tasks: ReadonlyMap<string, Task>,
    identifiers: Identifiers,
    lineOf: LineOf,
    losses: Loss[],
  ) {
    this.#file = file
    this.tasks = tasks
    this.#identifiers = identifiers
    this.#lineOf = lineOf
    this.#losses = losses
    this.#given = new Map([...tasks].map(([name, task]) => [name, new Set(this.#asked(name, task))]))
  }

  /** Variables that a task reads and has not: the command line sets them, or another task. */
  #asked(name: string, task: Task): string[] {
    const required = (task.requires?.vars ?? []).map((one) => (typeof one === 'string' ? one : one.name))
    const fromCalls = [...this.tasks.values()].flatMap((other) =>
      [...(other.deps ?? []), ...commandsOf(other)].flatMap((call) => {
        const called =
          typeof call === 'object' && call !== null
            ? (call as { task?: string; vars?: Variables; defer?: unknown })
            : {}
        const inner = typeof called.defer === 'object' ? (called.defer as { task?: string; vars?: Variables }) : called
        return inner.task === name ? Object.keys(inner.vars ?? {}) : []
      }),
    )
    const { vars: _, ...rest } = task
    const read = templateNames(JSON.stringify(rest).replace(/\\"/g, '"')).filter((one) => !special.has(one))
    const own = Object.keys(task.vars ?? {})
    const loops = JSON.stringify(task).matchAll(/"as":"(\w+)"/g)
    const local = new Set([
      ...own,
      ...Object.keys(this.#file.vars ?? {}),
      ...[...loops].map((match) => match[1] as string),
    ])
    // `X: '{{.X | default "a"}}'` says what it is when nobody sets it.
    const withDefault = own.filter((one) => selfDefault(one, task.vars?.[one]) !== undefined)
    const open = [...read, ...own.flatMap((one) => templateNames(String(task.vars?.[one] ?? '')))].filter(
      (one) => !local.has(one) && !special.has(one),
    )
    return [...new Set([...required, ...withDefault, ...fromCalls, ...open])]
  }

  /** What names mean within a task; outside of all for undefined. */
  scope(
    name: string | undefined,
    task: Task,
    locals: ReadonlyMap<string, Insert>,
    lost: TemplateScope['lost'],
  ): TemplateScope {
    return {
      lost,
      variable: (wanted) => {
        const local = locals.get(wanted)
        if (local) return local
        const known = special.get(wanted)
        if (known) return known(name ?? '')
        if (wanted.includes('.')) {
          lost('a value without a counterpart', `{{.${wanted}}}`)
          return { code: `unsupported(${literal(`{{.${wanted}}}`)})`, shape: 'text' }
        }
        // What stands for `*` in the name.
        if (wanted === 'MATCH' && name?.includes('*')) return { code: 'args.match', shape: 'word', param: 'MATCH' }
        if (name !== undefined && this.#given.get(name)?.has(wanted)) return this.#argument(wanted, task)
        if (wanted in (this.#file.vars ?? {})) return this.#global(wanted)
        return { code: `(process.env.${wanted} ?? '')`, shape: 'words' }
      },
    }
  }

  #argument(name: string, task: Task): Insert {
    const isRequired = (task.requires?.vars ?? []).some((one) => (typeof one === 'string' ? one : one.name) === name)
    const preset = selfDefault(name, task.vars?.[name])
    const code = memberCode('args', camelCase(name))
    const shape = isRequired || (preset !== undefined && /^[\w./:=@%+,^~-]+$/.test(preset)) ? 'word' : 'words'
    return { code, shape, param: name }
  }

  #global(name: string): Insert {
    const value = this.#file.vars?.[name] as Variable
    const id = this.#identifiers.constant(name)
    const isWord = ['string', 'number', 'boolean'].includes(typeof value) && /^[\w./:=@%+,^~-]+$/.test(String(value))
    if (Array.isArray(value)) return { code: id, shape: 'list' }
    return { code: this.#isLazy(name) ? `${id}()` : id, shape: isWord ? 'word' : 'loose' }
  }

  #isLazy(name: string, above: readonly string[] = []): boolean {
    const value = this.#file.vars?.[name]
    if (value === undefined || above.includes(name)) return false
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return true
    return templateNames(String(value)).some((inner) => this.#isLazy(inner, [...above, name]))
  }

  /** The code of the file's variables and of its environment. */
  constants(): string[] {
    const { vars = {}, env = {} } = this.#file
    const done = new Set<string>()
    const out: string[] = []
    const lost =
      (line: number): TemplateScope['lost'] =>
      (why, what) =>
        void this.#losses.push({ line, what, why })
    const place = (name: string): void => {
      if (done.has(name) || !(name in vars)) return
      done.add(name)
      const value = vars[name] as Variable
      for (const inner of templateNames(typeof value === 'string' ? value : JSON.stringify(value))) place(inner)
      const code = this.valueCode(
        value,
        this.scope(
          undefined,
          {},
          new Map([[name, { code: `(process.env.${name} ?? '')`, shape: 'loose' }]]),
          lost(this.#lineOf('vars', name)),
        ),
      )
      out.push(`const ${this.#identifiers.constant(name)} = ${this.#isLazy(name) ? `once(() => ${code})` : code}`)
    }
    for (const name of Object.keys(vars)) place(name)
    const entries = Object.entries(env).map(([name, value]) =>
      entryCode(name, this.valueCode(value, this.scope(undefined, {}, new Map(), lost(this.#lineOf('env', name))))),
    )
    if (entries.length > 0) out.push(`const exported = () => ({ ${entries.join(', ')} })`)
    return out.length === 0 ? [] : [out.join('\n')]
  }

  /** A variable's value as an expression: a text, an array, or what a command prints. */
  valueCode(value: Variable, scope: TemplateScope, folder?: string): string {
    if (Array.isArray(value)) return `[${value.map((one) => stringCode(templateParts(String(one), scope))).join(', ')}]`
    if (typeof value === 'object' && value !== null) {
      if (value.sh !== undefined) {
        const script = stringCode(templateParts(value.sh, scope).map(withoutParam))
        return `output(${script}${folder === undefined ? '' : `, ${folder}`})`
      }
      scope.lost('a variable of this kind has no counterpart', JSON.stringify(value))
      return `unsupported(${literal(JSON.stringify(value))})`
    }
    return stringCode([...templateParts(String(value ?? ''), scope), ''])
  }

  /** The arguments of a task. */
  arguments(name: string, task: Task): DraftArgument[] {
    const required = task.requires?.vars ?? []
    const given = [...(this.#given.get(name) ?? [])].map((variable): DraftArgument => {
      if (variable === 'MATCH' && name.includes('*'))
        return { key: 'match', code: "text().positional().describe('what stands for *')" }
      const found = required.find((one) => (typeof one === 'string' ? one : one.name) === variable)
      const choices = typeof found === 'object' ? found.enum : undefined
      const builder = choices?.length ? `choice([${choices.map(literal).join(', ')}])` : 'text()'
      const preset = selfDefault(variable, task.vars?.[variable])
      const standing = found !== undefined ? '' : `.default(${literal(preset ?? '')})`
      return { key: camelCase(variable), code: `${builder}${standing}.env(${literal(variable)})` }
    })
    const usesRest = /\.CLI_ARGS(_LIST)?\b/.test(JSON.stringify(task))
    return [
      ...given,
      ...(usesRest ? [{ key: 'rest', code: "text().positional().repeated().describe('what stands behind --')" }] : []),
    ]
  }

  /** The name of a task, also by an alias or with a colon in front. */
  find(name: string): string | undefined {
    const plain = name.replace(/^:/, '')
    if (this.tasks.has(plain)) return plain
    return [...this.tasks].find(([, { aliases = [] }]) => aliases.includes(plain))?.[0]
  }

  /** The input of another task; undefined for none. What it requires and is not given, the environment may say. */
  input(name: string, vars: Variables, scope: TemplateScope): string | undefined {
    const task = this.tasks.get(name) as Task
    const required = (task.requires?.vars ?? []).map((one) => (typeof one === 'string' ? { name: one } : one))
    const entries = Object.entries(vars)
      .filter(([variable]) => this.#given.get(name)?.has(variable))
      .map(([variable, value]) => {
        const code = Array.isArray(value) ? `${this.valueCode(value, scope)}.join(' ')` : this.valueCode(value, scope)
        return entryCode(camelCase(variable), oneOf(code, required.find((one) => one.name === variable)?.enum))
      })
    for (const { name: variable, enum: choices } of required) {
      if (variable in vars) continue
      scope.lost(`${name} requires it, and this call does not set it: it is taken from the environment`, variable)
      const code = `process.env.${variable} ?? unsupported(${literal(`${name} requires ${variable}`)})`
      entries.push(entryCode(camelCase(variable), oneOf(code, choices)))
    }
    return entries.length === 0 ? undefined : `{ ${entries.join(', ')} }`
  }

  /** Whether a call sets all that a task requires. */
  setsAll(name: string, vars: Variables): boolean {
    const required = this.tasks.get(name)?.requires?.vars ?? []
    return required.every((one) => (typeof one === 'string' ? one : one.name) in vars)
  }
}

/** A text as one of the words that an argument takes; whether it is one is seen when it is given. */
function oneOf(code: string, choices: readonly string[] | undefined): string {
  if (choices === undefined || choices.length === 0 || choices.some((one) => literal(one) === code)) return code
  return `(${code}) as string as ${choices.map(literal).join(' | ')}`
}

const withoutParam = (part: string | Insert): string | Insert =>
  typeof part === 'string' ? part : { code: part.code, shape: part.shape }
