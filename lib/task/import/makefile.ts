import { ok, type Result } from '../../model/failure.ts'
import { entryCode, Identifiers, literal, stringCode } from './code.ts'
import { Expander, type Lost, type Names } from './make-expand.ts'
import { wordsOf } from './make-functions.ts'
import { type Assignment, type Makefile, parseMakefile, type Rule } from './make-parse.ts'
import { Recipes, shellOf } from './make-recipe.ts'
import { type Target, Targets } from './make-targets.ts'
import { splitPath } from './make-text.ts'
import type { Drafted, DraftTask, Insert, Loss, Parts, ReadBeside } from './model.ts'
import { renderDraft } from './render.ts'

/** Drafts a Taskfile from a makefile (GNU make). */
export function draftFromMakefile(content: string, source: string, beside: ReadBeside): Result<Drafted> {
  return ok(new MakeDraft(parseMakefile(content, source, beside), source).draft())
}

class MakeDraft {
  readonly #file: Makefile
  readonly #source: string
  readonly #identifiers = new Identifiers()
  readonly #expander: Expander
  readonly #targets: Targets
  readonly #recipes: Recipes
  readonly #losses: Loss[]

  constructor(file: Makefile, source: string) {
    this.#file = file
    this.#source = source
    this.#losses = [...file.losses]
    this.#expander = new Expander(file.assignments, (name) => this.#identifiers.constant(name))
    this.#targets = new Targets(file.rules, this.#expander, (place) => this.#lost(place))
    const parts = { expander: this.#expander, identifiers: this.#identifiers, targets: this.#targets }
    this.#recipes = new Recipes(file, parts, (place, losses) => this.#lost(place, losses))
    for (const name of this.#targets.all.keys()) this.#identifiers.task(this.#targets.nameOf(name))
    for (const [index] of this.#targets.patterns.entries()) this.#identifiers.task(this.#targets.patternName(index))
    for (const name of this.#expander.names) this.#identifiers.constant(name)
  }

  draft(): Drafted {
    const tasks = [
      ...this.#targets.patterns.map((rule, index) => this.#patternTask(rule, index)),
      ...[...this.#targets.all.values()].map((target) => this.#task(target)),
    ]
    const constants = this.#constants(tasks)
    const first = this.#expander.known('$(.DEFAULT_GOAL)') ?? [...this.#targets.all.keys()][0]
    const { notes } = this.#targets
    const preset = first === undefined ? undefined : this.#targets.nameOf(first)
    const losses = this.#own(this.#losses)
    const draft = { source: this.#source, shell: shellOf(this.#expander), notes, constants, tasks, preset, losses }
    const text = renderDraft(draft, this.#identifiers)
    return { text, tasks: tasks.length, losses: this.#own([...this.#losses, ...tasks.flatMap(({ losses }) => losses)]) }
  }

  #own(losses: readonly Loss[]): Loss[] {
    return losses.map(({ line, file, what, why }) => ({
      line,
      ...(file === undefined || file === this.#source ? {} : { file }),
      what,
      why,
    }))
  }

  #lost({ line, file }: { line: number; file: string }, losses: Loss[] = this.#losses): Lost {
    return (why, what) => {
      if (!losses.some((one) => one.line === line && one.what === what)) losses.push({ line, file, what, why })
    }
  }

  #constants(tasks: readonly DraftTask[]): string[] {
    const exported = this.#recipes.exported()
    const used = new Set<string>(exported)
    const code = tasks.map((task) => [...task.body, task.confirm].join('\n')).join('\n')
    for (const name of this.#expander.names) {
      if (new RegExp(`(?<![\\w$.])${this.#identifiers.constant(name)}(?![\\w$])`).test(code)) used.add(name)
    }
    const out: string[] = []
    const done = new Set<string>()
    const place = (name: string): void => {
      if (done.has(name) || !this.#expander.names.includes(name)) return
      done.add(name)
      for (const inner of this.#expander.reads(name)) place(inner)
      const value = this.#expander.valueCode(name, (line, file) => this.#lost({ line, file }))
      const isLazy = this.#expander.isLazy(name)
      out.push(`const ${this.#identifiers.constant(name)} = ${isLazy ? `once(() => ${value})` : value}`)
    }
    for (const name of used) place(name)
    if (exported.length > 0) {
      const entries = exported.map((name) =>
        entryCode(name, stringCode(this.#expander.expand(`$(${name})`, new Map(), () => {}))),
      )
      out.push(`const exported = () => ({ ${entries.join(', ')} })`)
    }
    return out.length === 0 ? [] : [out.join('\n')]
  }

  #patternTask(rule: Rule, index: number): DraftTask {
    const losses: Loss[] = []
    const place = (text: string): Parts => {
      const [before = '', after] = text.split('%')
      return after === undefined ? [text] : [before, stem, after]
    }
    const stem: Insert = { code: 'args.stem', shape: 'word', param: 'stem' }
    const targets = wordsOf(this.#expander.known(rule.targets) ?? '')
    const prerequisites = wordsOf(this.#expander.known(rule.prerequisites) ?? '')
    const names = new Map<string, Parts>([
      ['@', place(targets[0] ?? '')],
      ['<', place(prerequisites[0] ?? '')],
      ['*', [stem]],
    ])
    names.set(
      '^',
      prerequisites.flatMap((one, at) => (at === 0 ? [...place(one)] : [' ', ...place(one)])),
    )
    for (const [letter, value] of [
      ['@', targets[0]],
      ['<', prerequisites[0]],
    ] as const) {
      const [folder, base] = splitPath(value ?? '')
      names.set(`${letter}D`, place(folder))
      names.set(`${letter}F`, place(base))
    }
    const others = wordsOf(
      `${this.#expander.known(rule.prerequisites) ?? ''} ${this.#expander.known(rule.orderOnly) ?? ''}`,
    )
    const body = [
      ...others
        .filter((one) => this.#targets.all.has(one))
        .map((one) => `await run(${this.#identifiers.task(this.#targets.nameOf(one))})`),
      ...this.#recipes.code([{ rule, stem: '' }], names, losses, []),
    ]
    losses.push({
      line: rule.line,
      file: rule.file,
      what: `${rule.targets}: ${rule.prerequisites}`,
      why: 'files of a pattern are made each time, also where they are newer',
    })
    return {
      name: this.#targets.patternName(index),
      line: rule.line,
      description: rule.comment ?? `Makes ${rule.targets} from ${rule.prerequisites}`,
      hidden: true,
      args: [{ key: 'stem', code: "text().positional().describe('what stands for %')" }],
      body,
      losses: this.#own(losses),
    }
  }

  #task(target: Target): DraftTask {
    const { name, prerequisites, orderOnly, recipes, texts } = target
    const losses: Loss[] = []
    const isPhony = this.#targets.phony.has(name)
    const overrides = this.#file.assignments.filter((one) => one.target === name)
    const lost = this.#lost({ line: target.line, file: recipes[0]?.rule.file ?? this.#source }, losses)
    const names = this.#automatic(target, overrides, lost)
    const body: string[] = []
    const calls = this.#calls(target, lost)
    if (overrides.length > 0 && calls.some((one) => 'task' in one)) {
      lost(
        'variables of a target hold for what it needs, too: here for itself alone',
        overrides.map((one) => `${one.name} ${one.flavor} ${one.value}`).join(', '),
      )
    }
    const needs = calls.flatMap((one) => ('task' in one ? [one] : []))
    const areFiles = needs.every(({ target: other }) => !this.#targets.phony.has(other))
    const asNeeds = (needs.length === 1 || areFiles) && calls.length === needs.length && !this.#targets.circular(name)
    if (!asNeeds) {
      for (const one of calls) {
        if ('code' in one) body.push(one.code)
        else if (this.#targets.circularWith(name, one.target))
          lost('make drops a circular prerequisite', `${name}: ${one.target}`)
        else
          body.push(`await run(${this.#identifiers.task(one.task)}${one.input === undefined ? '' : `, ${one.input}`})`)
      }
    }
    body.push(...this.#recipes.code(recipes, names, losses, overrides))
    const files = [...prerequisites, ...orderOnly].filter(
      (one) => !this.#targets.all.has(one) && this.#targets.patternFor(one) === undefined,
    )
    const isFile =
      !isPhony &&
      recipes.length > 0 &&
      needs.every(({ target: other }) => !this.#targets.phony.has(other)) &&
      texts.length === 0 &&
      target.conditional.length === 0
    const made = needs.map(({ target: other }) => other)
    const sources = isFile
      ? [...files.filter((one) => prerequisites.includes(one)), ...made.filter((one) => prerequisites.includes(one))]
      : []
    if (isFile && prerequisites.length === 0)
      body.unshift(`if (existsSync(join(import.meta.dirname, ${literal(name)}))) return`)
    const called = this.#targets.nameOf(name)
    return {
      name: called,
      line: target.line,
      ...(target.comment ? { description: target.comment } : {}),
      ...(/^[._]/.test(name) ? { hidden: true } : {}),
      aliases: called === name || this.#targets.all.has(called) ? [] : [name],
      ...(asNeeds
        ? { needs: needs.map(({ task, input }) => ({ task, ...(input === undefined ? {} : { input }) })) }
        : {}),
      ...(sources.length > 0 ? { inputs: sources, outputs: [name] } : {}),
      body,
      losses: this.#own(losses),
    }
  }

  /** `$@`, `$<`, `$^` and the target's own variables. */
  #automatic(
    { name, prerequisites, orderOnly, recipes, texts }: Target,
    overrides: readonly Assignment[],
    lost: Lost,
  ): Names {
    const dynamic = texts.flatMap((text): Parts => [' ', ...this.#expander.expand(text, new Map(), lost)])
    const unique = [...new Set(prerequisites)]
    const all: Parts = [unique.join(' '), ...dynamic]
    const names = new Map<string, Parts>([
      ['@', [name]],
      ['^', all],
      ['+', [prerequisites.join(' '), ...dynamic]],
      ['?', all],
      ['|', [orderOnly.join(' ')]],
      ['*', [recipes[0]?.stem ?? '']],
    ])
    names.set('<', unique.length > 0 ? [unique[0] as string] : dynamic.slice(1))
    for (const [letter, value] of [
      ['@', name],
      ['<', unique[0]],
    ] as const) {
      const [folder, base] = splitPath(value ?? '')
      names.set(`${letter}D`, [folder])
      names.set(`${letter}F`, [base])
    }
    for (const { name: variable, flavor, value } of overrides) {
      const own = this.#expander.expand(value, names, lost)
      const before = names.get(variable) ?? this.#expander.expand(`$(${variable})`, names, lost)
      if (flavor === '?=' && this.#expander.names.includes(variable)) continue
      names.set(variable, flavor === '+=' ? [...before, ' ', ...own] : own)
    }
    return names
  }

  /** What a target waits for: tasks, or code that finds them when it runs. */
  #calls(
    { name, prerequisites, orderOnly, texts, conditional }: Target,
    lost: Lost,
  ): ({ task: string; target: string; input?: string } | { code: string })[] {
    const out: ({ task: string; target: string; input?: string } | { code: string })[] = []
    const seen = new Set<string>()
    for (const one of [...prerequisites, ...orderOnly]) {
      if (seen.has(one)) continue
      seen.add(one)
      if (this.#targets.all.has(one)) {
        out.push({ task: this.#targets.nameOf(one), target: one })
        continue
      }
      const pattern = this.#targets.patternFor(one)
      if (pattern)
        out.push({
          task: this.#targets.patternName(pattern.index),
          target: one,
          input: `{ stem: ${literal(pattern.stem)} }`,
        })
      else if (/\.o$/.test(one)) lost('made by a rule that make has built in', `${name}: ${one}`)
    }
    for (const { rule, names } of conditional) {
      const runs = names.flatMap((one) => {
        const pattern = this.#targets.patternFor(one)
        if (this.#targets.all.has(one) && this.#targets.circularWith(name, one)) return []
        if (this.#targets.all.has(one)) return [`  await run(${this.#identifiers.task(this.#targets.nameOf(one))})`]
        const id = pattern && this.#identifiers.task(this.#targets.patternName(pattern.index))
        return id === undefined ? [] : [`  await run(${id}, { stem: ${literal(pattern?.stem ?? '')} })`]
      })
      const test = this.#expander.testCode(rule.conditions, new Map(), lost)
      if (runs.length > 0) out.push({ code: `if (${test}) {\n${runs.join('\n')}\n}` })
    }
    for (const text of texts) {
      const value = stringCode([...this.#expander.expand(text, new Map(), lost), ''])
      const made = this.#targets.patterns.flatMap((rule, index) =>
        wordsOf(this.#expander.known(rule.targets) ?? '').map((target) => {
          const [start = '', end = ''] = target.split('%')
          const id = this.#identifiers.task(this.#targets.patternName(index))
          const test = [
            ...(start === '' ? [] : [`file.startsWith(${literal(start)})`]),
            ...(end === '' ? [] : [`file.endsWith(${literal(end)})`]),
          ].join(' && ')
          return `  ${test === '' ? '' : `if (${test}) `}await run(${id}, { stem: file.slice(${start.length}${end === '' ? '' : `, -${end.length}`}) })`
        }),
      )
      if (made.length > 0) out.push({ code: `for (const file of words(${value})) {\n${made.join('\n')}\n}` })
    }
    return out
  }
}
