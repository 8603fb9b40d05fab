import type { Expander, Lost } from './make-expand.ts'
import { stemOf, wordsOf } from './make-functions.ts'
import type { Rule } from './make-parse.ts'
import { taskName } from './render.ts'

/** What has to be made: a target, with all that the rules say of it. */
export type Target = {
  name: string
  line: number
  prerequisites: string[]
  orderOnly: string[]
  texts: string[]
  /** What it waits for only under conditions. */
  conditional: { rule: Rule; names: string[] }[]
  recipes: { rule: Rule; stem: string }[]
  comment?: string
}

const silent = new Set([
  '.PHONY',
  '.SUFFIXES',
  '.DEFAULT_GOAL',
  '.SILENT',
  '.DELETE_ON_ERROR',
  '.SECONDARY',
  '.PRECIOUS',
  '.INTERMEDIATE',
  '.NOTPARALLEL',
  '.EXPORT_ALL_VARIABLES',
  '.ONESHELL',
  '.POSIX',
  '.IGNORE',
])

/** The targets of a makefile, with all that its rules say of each. */
export class Targets {
  readonly all = new Map<string, Target>()
  /** Pattern rules. */
  readonly patterns: Rule[] = []
  readonly phony = new Set<string>()
  /** Special targets that are there: `.ONESHELL`. */
  readonly flags = new Set<string>()
  /** What is to be said at the draft's top. */
  readonly notes: string[] = []
  readonly #expander: Expander
  readonly #lost: (place: { line: number; file: string }) => Lost

  constructor(rules: readonly Rule[], expander: Expander, lost: (place: { line: number; file: string }) => Lost) {
    this.#expander = expander
    this.#lost = lost
    for (const rule of rules) this.#collect(rule)
  }

  #collect(rule: Rule): void {
    const known = this.#expander.known(rule.targets)
    if (known === undefined) {
      this.#lost(rule)('the targets are known only when make runs', `${rule.targets}: ${rule.prerequisites}`)
      return
    }
    for (const name of wordsOf(known)) {
      if (silent.has(name)) {
        if (name === '.PHONY')
          for (const one of wordsOf(this.#expander.known(rule.prerequisites) ?? '')) this.phony.add(one)
        this.flags.add(name)
      } else if (name === 'help' && rule.recipe.some(({ text }) => /MAKEFILE_LIST|Makefile/.test(text))) {
        this.notes.push('The target help listed the targets; `task` alone lists the tasks.')
      } else if (name.startsWith('.') && /^\.[A-Z_]+$/.test(name))
        this.#lost(rule)('a special target without a counterpart', `${name}:`)
      else if (name.includes('%') && rule.pattern === undefined) this.patterns.push(rule)
      else if (/^\.\w+(\.\w+)?$/.test(name) && rule.prerequisites === '' && rule.recipe.length > 0)
        this.#lost(rule)('a suffix rule', `${name}:`)
      else this.#addTarget(name, rule)
    }
  }

  #addTarget(name: string, rule: Rule): void {
    const stem = rule.pattern === undefined ? '' : (stemOf(this.#expander.known(rule.pattern) ?? '', name) ?? '')
    const target: Target = this.all.get(name) ?? {
      name,
      line: rule.line,
      prerequisites: [],
      orderOnly: [],
      texts: [],
      conditional: [],
      recipes: [],
    }
    this.all.set(name, target)
    const read = (text: string, into: string[]) => {
      const known = this.#expander.known(text)
      if (known === undefined) target.texts.push(text)
      else into.push(...wordsOf(known).map((word) => word.replace('%', stem)))
    }
    if (rule.conditions.length > 0) {
      const names: string[] = []
      read(rule.prerequisites, names)
      read(rule.orderOnly, names)
      if (names.length > 0) target.conditional.push({ rule, names })
    } else {
      read(rule.prerequisites, target.prerequisites)
      read(rule.orderOnly, target.orderOnly)
    }
    if (rule.comment !== undefined && (target.comment === undefined || rule.recipe.length > 0))
      target.comment = rule.comment
    if (rule.recipe.length === 0) return
    target.line = rule.line
    // The parts of an `if` have each its own recipe; elsewhere the last one counts.
    const same = (other: Rule) => JSON.stringify(other.conditions) === JSON.stringify(rule.conditions)
    if (!rule.doubleColon) target.recipes = target.recipes.filter(({ rule: other }) => !same(other))
    target.recipes.push({ rule, stem })
  }

  /** `bin/app` cannot be the name of a task, `help` must not be. */
  nameOf(target: string): string {
    const name = taskName(target)
    return name === 'help' ? 'show-help' : name
  }

  /** The name of the task that stands for a pattern rule. */
  patternName(index: number): string {
    const targets = wordsOf(this.#expander.known(this.patterns[index]?.targets ?? '') ?? '')
    return `pattern-${taskName(targets[0]?.replace('%', '') ?? '').replace(/^[.-]+/, '')}${index > 0 ? `-${index + 1}` : ''}`
  }

  /** The pattern rule that makes a file, and what stands for `%`. */
  patternFor(target: string): { index: number; stem: string } | undefined {
    for (const [index, rule] of this.patterns.entries()) {
      for (const pattern of wordsOf(this.#expander.known(rule.targets) ?? '')) {
        const stem = stemOf(pattern, target)
        if (stem !== undefined && stem !== '') return { index, stem }
      }
    }
    return undefined
  }

  /** Whether a target needs itself over others. */
  circular(name: string): boolean {
    return (this.all.get(name)?.prerequisites ?? []).some((one) => this.circularWith(name, one))
  }

  /** Whether a target is reached from another one. */
  circularWith(name: string, from: string): boolean {
    const reached = new Set([from])
    for (const at of reached) {
      if (at === name) return true
      const target = this.all.get(at)
      const more = target?.conditional.flatMap(({ names }) => names) ?? []
      for (const one of [...(target?.prerequisites ?? []), ...(target?.orderOnly ?? []), ...more]) reached.add(one)
    }
    return false
  }
}
