import { camelCase, entryCode, Identifiers, keyCode, literal, stringCode } from './code.ts'
import { GoTaskCommands } from './go-task-commands.ts'
import { carried, commandsOf, type GoTaskfile, selfDefault, systems, type Task } from './go-task-types.ts'
import { GoTaskVariables, type LineOf } from './go-task-variables.ts'
import { type TemplateScope, templateParts } from './go-template.ts'
import type { Drafted, DraftTask, Insert, Loss } from './model.ts'
import { renderDraft } from './render.ts'
import { type LineOptions, scriptCode } from './shell-line.ts'

/** Drafts the tasks of one Taskfile.yml. */
export class GoTaskDraft {
  readonly #file: GoTaskfile
  readonly #source: string
  readonly #lineOf: LineOf
  readonly #losses: Loss[]
  readonly #identifiers = new Identifiers()
  readonly #variables: GoTaskVariables
  readonly #commands: GoTaskCommands

  constructor(file: GoTaskfile, source: string, lineOf: LineOf, losses: Loss[]) {
    this.#file = file
    this.#source = source
    this.#lineOf = lineOf
    this.#losses = losses
    const tasks = new Map(
      Object.entries(file.tasks ?? {}).map(([name, task]): [string, Task] => [
        name,
        typeof task === 'string' ? { cmds: [task] } : Array.isArray(task) ? { cmds: task } : (task ?? {}),
      ]),
    )
    for (const name of tasks.keys()) this.#identifiers.task(name)
    for (const name of Object.keys(file.vars ?? {})) this.#identifiers.constant(name)
    this.#variables = new GoTaskVariables(file, tasks, this.#identifiers, lineOf, losses)
    this.#commands = new GoTaskCommands(this.#variables, this.#identifiers)
  }

  draft(): Drafted {
    for (const name of Object.keys(this.#file.includes ?? {})) {
      const why = `import that file by itself, and include it: import * as ${camelCase(name)} from its Taskfile, export default { ${keyCode(name)}: ${camelCase(name)} }`
      this.#losses.push({ line: this.#lineOf('includes', name), what: `includes: ${name}`, why })
    }
    for (const key of ['interval', 'set', 'shopt', 'method', 'output', 'run']) {
      if (
        !(key in this.#file) ||
        (key === 'run' && this.#file.run === 'once') ||
        (key === 'method' && this.#file.method === 'checksum')
      )
        continue
      this.#losses.push({
        line: this.#lineOf(key),
        what: `${key}: ${JSON.stringify(this.#file[key])}`,
        why: 'a setting of the file without a counterpart',
      })
    }
    const constants = [...this.#dotenv(this.#file.dotenv ?? []), ...this.#variables.constants()]
    const tasks = [...this.#variables.tasks].map(([name, task]) => this.#task(name, task))
    const shell = ['bash', '-e']
    const text = renderDraft(
      { source: this.#source, shell, notes: [], constants, tasks, losses: this.#losses },
      this.#identifiers,
    )
    return { text, tasks: tasks.length, losses: [...this.#losses, ...tasks.flatMap(({ losses }) => losses)] }
  }

  #dotenv(paths: readonly string[]): string[] {
    if (paths.length === 0) return []
    const files = paths.map((path) =>
      stringCode(
        templateParts(
          path,
          this.#variables.scope(
            undefined,
            {},
            new Map(),
            (why, what) => void this.#losses.push({ line: this.#lineOf('dotenv'), what, why }),
          ),
        ),
      ),
    )
    return [
      `for (const name of [${files.join(', ')}]) {\n  const file = join(import.meta.dirname, name)\n  if (existsSync(file)) process.loadEnvFile(file)\n}`,
    ]
  }

  #task(name: string, task: Task): DraftTask {
    const losses: Loss[] = []
    let line = this.#lineOf('tasks', name)
    const lost: TemplateScope['lost'] = (why, what) => void losses.push({ line, what, why })
    for (const key of Object.keys(task)) {
      if (
        carried.has(key) ||
        (key === 'method' && task.method === 'checksum') ||
        (key === 'run' && task.run !== 'always')
      )
        continue
      const why =
        key === 'watch'
          ? 'start it with task --watch'
          : key === 'method' && task.method !== 'none'
            ? 'files are compared by content'
            : 'a setting without a counterpart'
      losses.push({ line: this.#lineOf('tasks', name, key), what: `${key}: ${JSON.stringify(task[key])}`, why })
    }
    const locals = new Map<string, Insert>()
    const scope = this.#variables.scope(name, task, locals, lost)
    const body: string[] = []
    const own = this.#ownDollar(task, scope, locals, body)
    const options: LineOptions = own === undefined ? {} : { dollar: 'own' }
    const dollar = own === undefined ? '$' : 'own'
    if (own !== undefined) body.push(`const own = $({ ${own} })`)
    const systemsOf = (all: readonly string[]) =>
      all.map((one) => `process.platform === ${literal(systems[one.split('/')[0] ?? ''] ?? one)}`).join(' || ')
    if (task.platforms?.length) body.push(`if (!(${systemsOf(task.platforms)})) return`)
    const needs = this.#needs(name, task, { scope, locals }, body)
    for (const [index, one] of (task.preconditions ?? []).entries()) {
      line = this.#lineOf('tasks', name, 'preconditions', index)
      const { sh, msg } = typeof one === 'string' ? { sh: one, msg: undefined } : one
      const test = scriptCode(templateParts(sh, scope), {
        ...options,
        dollar: `${dollar}({ nothrow: true, quiet: true })`,
      })
      const message = stringCode(templateParts(msg ?? `precondition not met: ${sh}`, scope))
      body.push(`if ((await ${test}).exitCode !== 0) throw new Error(${message})`)
    }
    if (task.status?.length) {
      const tests = task.status.map(
        (one) =>
          `(await ${scriptCode(templateParts(one, scope), { ...options, dollar: `${dollar}({ nothrow: true, quiet: true })` })}).exitCode === 0`,
      )
      body.push(`if (${tests.join(' && ')}) return`)
    }
    const commands: string[] = []
    const last: string[] = []
    for (const [index, command] of commandsOf(task).entries()) {
      line = this.#lineOf('tasks', name, 'cmds', index)
      const codes = this.#commands.code(command, task, scope, locals, options)
      if (typeof command === 'object' && command.defer !== undefined) last.unshift(...codes)
      else commands.push(...codes)
    }
    body.push(
      ...(last.length === 0
        ? commands
        : [
            `try {\n${commands.map((one) => `  ${one}`).join('\n')}\n} finally {\n${last.map((one) => `  ${one}`).join('\n')}\n}`,
          ]),
    )
    const patterns = (all: Task['sources']) =>
      (all ?? []).map((one) =>
        typeof one === 'string' ? this.#static(one, task) : `!${this.#static(one.exclude, task)}`,
      )
    const description = [task.desc, task.summary]
      .filter((one) => one !== undefined)
      .map((one) => this.#known(one, task))
      .join('\n\n')
      .trim()
    line = this.#lineOf('tasks', name)
    if (description.includes('{{')) lost('a template in a description stays as it is written', 'desc')
    if (name.includes('*')) lost('what stands for * is an argument: task wild x, and not task wild-x', name)
    const prompts = task.prompt === undefined ? [] : [task.prompt].flat()
    const code = prompts.length === 0 ? undefined : stringCode(templateParts(prompts.join(' '), scope))
    return {
      name,
      line: this.#lineOf('tasks', name),
      ...(description === ''
        ? {}
        : {
            description: description
              .split('\n')
              .map((one) => one.trimEnd())
              .join('\n'),
          }),
      ...(task.internal ? { hidden: true } : {}),
      aliases: task.aliases ?? [],
      args: this.#variables.arguments(name, task),
      ...(needs.length > 0 ? { needs } : {}),
      inputs: patterns(task.sources),
      outputs: patterns(task.generates),
      ...(task.dotenv?.length ? { more: [{ key: 'dotenv', code: `[${task.dotenv.map(literal).join(', ')}]` }] } : {}),
      ...(code === undefined ? {} : { confirm: /\bargs\b/.test(code) ? `({ args }) => ${code}` : code }),
      body,
      losses,
    }
  }

  /** A text with the values of variables that are written in the file. */
  #known(text: string, task: Task): string {
    return text.replace(/\{\{\s*\.(\w+)\s*\}\}/g, (whole, name: string) => {
      const value = task.vars?.[name] ?? this.#file.vars?.[name]
      return typeof value === 'string' && !value.includes('{{') ? value : whole
    })
  }

  /** A pattern with the values of variables that are known here; relative to the Taskfile, as patterns are in the draft. */
  #static(pattern: string, task: Task): string {
    const known = this.#known(pattern, task)
    const inFolder =
      task.dir && !task.dir.includes('{{') && !known.startsWith('/') ? `${task.dir.replace(/\/$/, '')}/${known}` : known
    return inFolder.replace(/^\.\//, '').replace(/\{\{.*?\}\}/g, '*')
  }

  /** Variables of the task become constants of its body; gives the options of its own `$`. */
  #ownDollar(task: Task, scope: TemplateScope, locals: Map<string, Insert>, body: string[]): string | undefined {
    const folder =
      task.dir === undefined ? undefined : `join(import.meta.dirname, ${stringCode(templateParts(task.dir, scope))})`
    for (const [name, value] of Object.entries(task.vars ?? {})) {
      if (selfDefault(name, value) !== undefined) continue
      const id = `${camelCase(name)}Local`
      const code = this.#variables.valueCode(value, scope, folder)
      body.push(`const ${id} = ${code}`)
      const isWord = typeof value !== 'object' && /^[\w./:=@%+,^~-]+$/.test(String(value))
      locals.set(name, {
        code: id,
        shape: Array.isArray(value) ? 'list' : isWord ? 'word' : 'loose',
        ...(/\bargs\b/.test(code) && !Array.isArray(value) ? { param: name } : {}),
      })
    }
    const entries = Object.entries(task.env ?? {}).map(([name, value]) =>
      entryCode(name, this.#variables.valueCode(value, scope)),
    )
    const all = [...(Object.keys(this.#file.env ?? {}).length > 0 ? ['...exported()'] : []), ...entries]
    const options = [
      ...(folder === undefined ? [] : [`cwd: ${folder}`]),
      ...(all.length === 0 ? [] : [`env: { ${all.join(', ')}, ...process.env }`]),
      ...(task.interactive ? ["stdio: 'inherit'"] : []),
    ]
    return options.length === 0 ? undefined : options.join(', ')
  }

  #needs(
    name: string,
    task: Task,
    { scope, locals }: { scope: TemplateScope; locals: Map<string, Insert> },
    body: string[],
  ): NonNullable<DraftTask['needs']> {
    const needs: { task: string; input?: string }[] = []
    const calls: string[] = []
    for (const one of task.deps ?? []) {
      const { task: wanted, vars = {}, for: loop } = typeof one === 'string' ? { task: one } : one
      const other = this.#variables.find(wanted)
      const found = loop === undefined ? undefined : this.#commands.loop(loop, scope, locals)
      if (other === undefined || (loop !== undefined && found === undefined)) {
        if (other === undefined) scope.lost('a task that is not in this file', wanted)
        calls.push(`unsupported(${literal(`${name} needs ${wanted}`)})`)
        continue
      }
      for (const [key, insert] of found?.names ?? []) locals.set(key, insert)
      const input = this.#variables.input(other, vars, scope)
      for (const [key] of found?.names ?? []) locals.delete(key)
      const call = `run(${this.#identifiers.task(other)}${input === undefined ? '' : `, ${input}`})`
      if (found !== undefined) {
        calls.push(`...${found.all}.map((item) => ${call})`)
        continue
      }
      const isStatic = input === undefined || !/\b(args|\w+Local)\b/.test(input)
      if (isStatic && this.#variables.setsAll(other, vars) && !this.#circular(name, other))
        needs.push({ task: other, ...(input === undefined ? {} : { input }) })
      else calls.push(call)
    }
    const [first = ''] = calls
    if (calls.length > 0)
      body.push(
        calls.length === 1 && !first.startsWith('...') ? `await ${first}` : `await Promise.all([${calls.join(', ')}])`,
      )
    return needs
  }

  #circular(from: string, to: string): boolean {
    const reached = new Set([to])
    for (const name of reached) {
      if (name === from) return true
      for (const one of this.#variables.tasks.get(name)?.deps ?? []) {
        const next = this.#variables.find(typeof one === 'string' ? one : one.task)
        if (next !== undefined) reached.add(next)
      }
    }
    return false
  }
}
