import { type Identifiers, literal, stringCode, textCode } from './code.ts'
import { type Command, type Loop, systems, type Task } from './go-task-types.ts'
import type { GoTaskVariables } from './go-task-variables.ts'
import { type TemplateScope, templateParts } from './go-template.ts'
import type { Insert, Parts } from './model.ts'
import { type LineOptions, lineCode, scriptCode } from './shell-line.ts'

/** Makes the code of commands. */
export class GoTaskCommands {
  readonly #variables: GoTaskVariables
  readonly #identifiers: Identifiers

  constructor(variables: GoTaskVariables, identifiers: Identifiers) {
    this.#variables = variables
    this.#identifiers = identifiers
  }

  /** The code of one command, with its loop and conditions. */
  code(
    command: Command,
    task: Task,
    scope: TemplateScope,
    locals: Map<string, Insert>,
    options: LineOptions,
  ): string[] {
    const one = typeof command === 'string' ? { cmd: command } : command
    const { for: loop, platforms } = one
    const inner = (): string[] => this.#plainCommand(one, task, scope, options)
    let codes: string[]
    if (loop === undefined) codes = inner()
    else {
      const found = this.loop(loop, scope, locals)
      if (!found) return [`unsupported(${literal(`for: ${JSON.stringify(loop)}`)})`]
      for (const [name, insert] of found.names) locals.set(name, insert)
      codes = [
        `for (const item of ${found.all}) {\n${inner()
          .map((code) => `  ${code}`)
          .join('\n')}\n}`,
      ]
      for (const [name] of found.names) locals.delete(name)
    }
    if (one.if !== undefined) {
      const dollar = `${options.dollar ?? '$'}({ nothrow: true, quiet: true })`
      const test = scriptCode(templateParts(one.if, scope), { ...options, dollar })
      codes = [`if ((await ${test}).exitCode === 0) {\n${codes.map((code) => `  ${code}`).join('\n')}\n}`]
    }
    if (!platforms?.length) return codes
    const test = platforms
      .map((name) => `process.platform === ${literal(systems[name.split('/')[0] ?? ''] ?? name)}`)
      .join(' || ')
    return [`if (${test}) {\n${codes.map((code) => `  ${code}`).join('\n')}\n}`]
  }

  /** What a loop goes over, as code, and the variables that it sets; undefined where it has no counterpart, which is told. */
  loop(
    loop: Loop,
    scope: TemplateScope,
    locals: ReadonlyMap<string, Insert>,
  ): { all: string; names: [string, Insert][] } | undefined {
    const item = (name: string): [string, Insert] => [name, { code: 'item', shape: 'word' }]
    const texts = (values: readonly unknown[]) =>
      `[${values.map((one) => stringCode(templateParts(String(one), scope))).join(', ')}]`
    if (Array.isArray(loop)) return { all: texts(loop), names: [item('ITEM')] }
    if (typeof loop === 'object' && loop.var !== undefined) {
      const value = locals.get(loop.var) ?? scope.variable(loop.var)
      const all =
        value.shape === 'list'
          ? value.code
          : loop.split === undefined
            ? `words(${textCode(value)})`
            : `${textCode(value)}.split(${literal(loop.split)})`
      return { all, names: [item(loop.as ?? 'ITEM')] }
    }
    const matrix = typeof loop === 'object' ? Object.entries(loop.matrix ?? {}) : []
    if (matrix.length > 0 && matrix.every(([, values]) => Array.isArray(values))) {
      const keys = matrix.map(([name]) => name)
      const last = matrix.length - 1
      const all = matrix.map(
        ([name, values], at) => `${texts(values)}.${at === last ? 'map' : 'flatMap'}((${name}) => `,
      )
      return {
        all: `${all.join('')}({ ${keys.join(', ')} })${')'.repeat(matrix.length)}`,
        names: keys.map((name) => [`ITEM.${name}`, { code: `item.${name}`, shape: 'word' }]),
      }
    }
    scope.lost('a loop without a counterpart', `for: ${JSON.stringify(loop)}`)
    return undefined
  }

  #plainCommand(one: Exclude<Command, string>, task: Task, scope: TemplateScope, options: LineOptions): string[] {
    const { defer } = one
    const called =
      typeof defer === 'object' ? defer : one.task === undefined ? undefined : { task: one.task, vars: one.vars }
    if (called) {
      const other = this.#variables.find(called.task)
      if (other === undefined) {
        scope.lost('a task that is not in this file', called.task)
        return [`unsupported(${literal(called.task)})`]
      }
      const input = this.#variables.input(other, called.vars ?? {}, scope)
      return [`await run(${this.#identifiers.task(other)}${input === undefined ? '' : `, ${input}`})`]
    }
    const text = typeof defer === 'string' ? defer : (one.cmd ?? '')
    const parts: Parts = templateParts(text.replace(/\n+$/, ''), scope)
    const dollar = options.dollar ?? '$'
    const goesOn = one.ignore_error || task.ignore_error
    return [`await ${lineCode(parts, { ...options, dollar: goesOn ? `${dollar}({ nothrow: true })` : dollar })}`]
  }
}
