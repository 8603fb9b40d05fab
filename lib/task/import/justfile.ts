import { FailureError, failed, ok, type Result } from '../../model/failure.ts'
import { Identifiers, literal } from './code.ts'
import { JustNames, keyOf } from './just-names.ts'
import { type Justfile, type Parameter, parseJustfile, type Recipe } from './just-parse.ts'
import { JustRecipes } from './just-recipe.ts'
import type { DraftArgument, Drafted, DraftTask, Loss, ReadBeside } from './model.ts'
import { renderDraft } from './render.ts'

/** Drafts a Taskfile from a justfile (https://just.systems/man/en/). */
export function draftFromJustfile(content: string, source: string, beside: ReadBeside): Result<Drafted> {
  try {
    return ok(new JustDraft(parseJustfile(content, source, beside), source).draft())
  } catch (error) {
    if (error instanceof FailureError) return failed(...(error.failures as [(typeof error.failures)[0]]))
    throw error
  }
}

const ignored = new Set(
  `private group doc no-exit-message exit-message no-quiet default positional-arguments linux macos unix windows
confirm no-cd working-directory script parallel metadata`.split(/\s+/),
)
const knownSettings = new Set(
  `shell dotenv-load dotenv-filename dotenv-path dotenv-required export positional-arguments quiet working-directory allow-duplicate-recipes allow-duplicate-variables ignore-comments unstable tempdir windows-shell
windows-powershell script-interpreter no-exit-message fallback lazy`.split(/\s+/),
)

class JustDraft {
  readonly #file: Justfile
  readonly #source: string
  readonly #identifiers = new Identifiers()
  readonly #names: JustNames
  readonly #recipes: JustRecipes

  constructor(file: Justfile, source: string) {
    this.#file = file
    this.#source = source
    for (const { name } of file.recipes) this.#identifiers.task(name)
    for (const { name } of file.variables) this.#identifiers.constant(name)
    this.#names = new JustNames(file, this.#identifiers)
    this.#recipes = new JustRecipes(file, this.#identifiers, this.#names)
  }

  draft(): Drafted {
    const losses = [...this.#file.losses]
    for (const name of this.#file.settings.keys()) {
      if (!knownSettings.has(name))
        losses.push({ line: 1, what: `set ${name}`, why: 'a setting without a counterpart' })
    }
    const names = [...new Set(this.#file.recipes.map(({ name }) => name))].filter((name) => !this.#onlyLists(name))
    const tasks = names.map((name) => this.#task(this.#file.recipes.filter((recipe) => recipe.name === name)))
    const constants = [...this.#names.dotenv(), ...this.#names.constants(losses)]
    const hasMany = this.#file.recipes.some(({ parameters }) => parameters.some(({ many }) => many !== ''))
    const notes = hasMany
      ? ['What begins with a hyphen and is for a task’s list of words is written behind `--`: `task test -- --watch`.']
      : []
    const text = renderDraft(
      { source: this.#source, shell: this.#shell(), notes, constants, tasks, preset: this.#preset(), losses },
      this.#identifiers,
    )
    return { text, tasks: tasks.length, losses: [...losses, ...tasks.flatMap((task) => task.losses)] }
  }

  /** The recipe that `just` alone runs. */
  #preset(): string | undefined {
    const { recipes } = this.#file
    const marked = recipes.find(({ attributes }) => attributes.some(({ name }) => name === 'default'))
    return (marked ?? recipes.find(({ file }) => file === this.#source))?.name
  }

  /** A recipe that only lists the others: `task` alone does that. */
  #onlyLists(name: string): boolean {
    const bodies = this.#file.recipes.filter((recipe) => recipe.name === name)
    return bodies.every(({ body, before, after }) => {
      const lines = body.map(({ parts }) =>
        parts
          .filter((part) => typeof part === 'string')
          .join('')
          .trim()
          .replace(/^@/, ''),
      )
      return (
        before.length + after.length === 0 &&
        body.length > 0 &&
        lines.every((line) => /^(just )?\s*(--list|-l|--choose)( --unsorted)?$/.test(line))
      )
    })
  }

  /** `set shell`, without the `c` of `-cu`. */
  #shell(): string[] {
    const set = this.#file.settings.get('shell')
    if (!Array.isArray(set)) return ['sh', '-u']
    const words = set.map((one) => (one.kind === 'string' ? one.value : ''))
    const last = words.pop() ?? ''
    const rest = last.replace('c', '')
    return rest === '-' || rest === '' ? words : [...words, rest]
  }

  /** One task from the recipes of a name: several, where each is for another system. */
  #task(recipes: readonly Recipe[]): DraftTask {
    const first = recipes[0] as Recipe
    const losses: Loss[] = []
    const has = (name: string) => first.attributes.some((attribute) => attribute.name === name)
    const argument = (name: string) => first.attributes.find((attribute) => attribute.name === name)?.args[0]
    for (const { attributes, line, file } of recipes) {
      for (const { name } of attributes) {
        if (!ignored.has(name))
          losses.push({ line, file, what: `[${name}]`, why: 'an attribute without a counterpart' })
      }
    }
    const bodies = recipes.map((recipe) => ({
      recipe,
      body: this.#recipes.body(recipe, this.#needs(recipe) !== undefined, losses),
    }))
    const systems = bodies.map(({ recipe, body }) => ({ test: systemTest(recipe), body }))
    const body = systems.length === 1 && !systems[0]?.test ? (systems[0]?.body ?? []) : bySystem(systems)
    const needs = this.#needs(first)
    const description = argument('doc') ?? first.doc
    return {
      name: first.name,
      line: first.line,
      ...(description ? { description } : {}),
      ...(argument('group') === undefined ? {} : { group: argument('group') as string }),
      ...(first.name.startsWith('_') || has('private') ? { hidden: true } : {}),
      aliases: this.#file.aliases.filter(({ target }) => target === first.name).map(({ name }) => name),
      args: first.parameters.map((parameter) => this.#argument(parameter)),
      ...(needs ? { needs } : {}),
      ...(has('confirm') ? { confirm: literal(argument('confirm') ?? `Run ${first.name}?`) } : {}),
      body,
      losses: losses.map((loss) =>
        loss.file === this.#source ? { line: loss.line, what: loss.what, why: loss.why } : loss,
      ),
    }
  }

  #argument({ name, many, preset }: Parameter): DraftArgument {
    const repeated = many === '' ? '' : many === '+' && !preset ? '.repeated({ atLeast: 1 })' : '.repeated()'
    const fixed = preset?.kind === 'string' ? literal(preset.value) : undefined
    const standing =
      fixed !== undefined && preset?.kind === 'string'
        ? many === ''
          ? `.default(${fixed})`
          : `.default([${this.#presetWords(preset.value).map(literal).join(', ')}])`
        : preset && many === ''
          ? '.optional()'
          : ''
    return { key: keyOf(name), code: `text().positional()${repeated}${standing}` }
  }

  /** The default of a list is one text, which the shell cuts where it stands in a line; as `"$@"` it stays one. */
  #presetWords(value: string): string[] {
    const isPlain = !this.#file.settings.has('positional-arguments') && !/["'`$\\*?]/.test(value)
    return isPlain ? value.split(/\s+/).filter((word) => word !== '') : [value]
  }

  /** Needs where one recipe alone stands before: several run one after the other, which needs do not. */
  #needs(recipe: Recipe): DraftTask['needs'] | undefined {
    const known = recipe.before.filter(({ name }) => this.#names.recipes.has(name))
    const isParallel = recipe.attributes.some(({ name }) => name === 'parallel')
    if ((known.length !== 1 && !isParallel) || known.some(({ args }) => args.some((arg) => arg.kind !== 'string')))
      return undefined
    if (this.#circular(recipe.name)) return undefined
    return known.map((dependency) => {
      const input = this.#names.input(dependency, { name: () => undefined, lost() {} })
      return { task: dependency.name, ...(input === undefined ? {} : { input }) }
    })
  }

  #circular(name: string): boolean {
    const reached = new Set<string>()
    const reach = (at: string): boolean =>
      (this.#names.recipes.get(at)?.before ?? []).some(
        ({ name: next }) => next === name || (!reached.has(next) && reached.add(next) && reach(next)),
      )
    return reach(name)
  }
}

const tests: Readonly<Record<string, string>> = {
  linux: "process.platform === 'linux'",
  macos: "process.platform === 'darwin'",
  windows: "process.platform === 'win32'",
  unix: "process.platform !== 'win32'",
}

function systemTest({ attributes }: Recipe): string | undefined {
  const own = attributes.flatMap(({ name }) => (Object.hasOwn(tests, name) ? [tests[name]] : []))
  return own.length === 0 ? undefined : own.join(' || ')
}

function bySystem(bodies: readonly { test: string | undefined; body: readonly string[] }[]): string[] {
  const inner = (body: readonly string[]) => body.map((line) => line.replace(/^/, '  '))
  const out = bodies.map(
    ({ test, body }, index) => `${index === 0 ? '' : 'else '}if (${test ?? 'true'}) {\n${inner(body).join('\n')}\n}`,
  )
  return [`${out.join(' ')} else {\n  throw new Error(\`not for \${process.platform}\`)\n}`]
}
