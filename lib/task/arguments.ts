import type { StandardOutput, StandardSchema } from './standard-schema.ts'

/** How the text of an argument is read. */
export type ArgumentKind = 'text' | 'number' | 'flag' | 'choice' | 'duration' | 'path'

/** What is known of an argument at run time; help, parsing and completion are made from it. */
export type ArgumentSpecification = {
  readonly kind: ArgumentKind
  readonly description?: string
  /** Stands by its place, not behind `--name`. */
  readonly positional: boolean
  /** May be absent, and is then undefined. */
  readonly optional: boolean
  /** What stands in when it is absent; `values` holds one value, or for a repeated argument any number. */
  readonly default?: { readonly values: readonly unknown[] }
  /** The environment variable that stands in when the command line does not say. */
  readonly variable?: string
  /** Given any number of times, but at least so often. */
  readonly repeated?: { readonly atLeast: number }
  /** Other names: `n` for `-n`, `dry` for `--dry`. */
  readonly aliases: readonly string[]
  readonly choices?: readonly string[]
  readonly number?: NumberOptions
  readonly path?: PathOptions
  readonly schema?: StandardSchema
  /** The value that the name alone means; another one is only taken as `--name=value`. */
  readonly bare?: string
  /** Takes the flags that the task does not declare, each as `name=value`. */
  readonly undeclared?: true
  /** Candidates that a shell completes. */
  readonly values?: () => readonly string[] | Promise<readonly string[]>
}

/** Bounds of a number, both inclusive. */
export type NumberOptions = { integer?: boolean; min?: number; max?: number }

/** What must be at a path when the task starts; nothing is checked by default. */
export type PathOptions = { exists?: 'file' | 'directory' | 'any' }

/** A span of time as it is typed: `250ms`, `10s`, `1m30s`; a number is milliseconds. */
export type DurationInput = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd'}` | (string & {})

type Presence = 'required' | 'optional'

/**
 * One argument of a task. Immutable: each method gives a new one. `Output` is what `args.<name>` is in the task, `Input` what
 * another task passes to `run(task, { name: … })`, `Needed` whether it may be left out there.
 */
export class Argument<Output = unknown, Input = unknown, Needed extends Presence = Presence> {
  declare readonly output: Output
  declare readonly input: Input
  declare readonly needed: Needed
  readonly specification: ArgumentSpecification

  constructor(specification: ArgumentSpecification) {
    this.specification = specification
  }

  /** Says in `--help` what the argument is for. */
  describe(description: string): Argument<Output, Input, Needed> {
    return this.#with({ description })
  }

  /** May be left out: undefined then. */
  optional(): Argument<Output | undefined, Input, 'optional'> {
    const { default: _, ...rest } = this.specification
    return new Argument({ ...rest, optional: true })
  }

  /** May be left out: this value then, as if it had been typed. A relative path is one of the Taskfile's folder. */
  default(value: Input): Argument<Exclude<Output, undefined>, Input, 'optional'> {
    const values = this.specification.repeated ? (value as unknown[]) : [value]
    return new Argument({ ...this.specification, optional: false, default: { values } })
  }

  /** Taken from this environment variable when the command line does not give it (repeated: separated by commas). */
  env(variable: string): Argument<Output, Input, Needed> {
    return this.#with({ variable })
  }

  /** Stands by its place, in the order of the definition: `task deploy production`. */
  positional(): Argument<Output, Input, Needed> {
    if (this.specification.kind === 'flag') throw new TypeError('a flag has no value, so it cannot be positional')
    return this.#with({ positional: true })
  }

  /** Given any number of times (an empty list when not given), or at least `atLeast` times. */
  repeated(): Argument<NonNullable<Output>[], Input[], 'optional'>
  repeated(options: { atLeast: number }): Argument<NonNullable<Output>[], Input[], Needed>
  repeated(options?: { atLeast: number }): Argument<NonNullable<Output>[], Input[], Presence> {
    if (this.specification.kind === 'flag') throw new TypeError('a flag is on or off, so it cannot be repeated')
    return new Argument({ ...this.specification, optional: false, repeated: { atLeast: options?.atLeast ?? 0 } })
  }

  /** Another name: one letter for `-n`, several for `--name`. */
  alias(...aliases: string[]): Argument<Output, Input, Needed> {
    return this.#with({ aliases: [...this.specification.aliases, ...aliases] })
  }

  /** Checks and converts each value with a Standard Schema (zod, valibot…), after it was read; before `repeated()`. */
  schema<Schema extends StandardSchema>(schema: Schema): Argument<StandardOutput<Schema>, Input, Needed> {
    if (this.specification.repeated) throw new TypeError('a schema checks one value: call schema() before repeated()')
    return new Argument({ ...this.specification, schema })
  }

  /** Also takes every flag that the task does not declare: `--days 7` is `days=7` in the list. For what only the task knows the names of. */
  undeclared(): Argument<Output, Input, Needed> {
    if (!this.specification.repeated)
      throw new TypeError('what takes undeclared flags is repeated: call repeated() first')
    return this.#with({ undeclared: true })
  }

  /** Gives the candidates that a shell completes. */
  complete(values: () => readonly string[] | Promise<readonly string[]>): Argument<Output, Input, Needed> {
    return this.#with({ values })
  }

  #with(change: Partial<ArgumentSpecification>): Argument<Output, Input, Needed> {
    return new Argument({ ...this.specification, ...change })
  }
}

const blank = { positional: false, optional: false, aliases: [] } as const

/** Any text, also an empty one. */
export const text = (): Argument<string, string, 'required'> => new Argument({ ...blank, kind: 'text' })

/** A decimal number, optionally an integer or bounded. */
export const number = (options: NumberOptions = {}): Argument<number, number, 'required'> =>
  new Argument({ ...blank, kind: 'number', number: options })

/** `--name` and `--no-name`; false by default. */
export const flag = (): Argument<boolean, boolean, 'optional'> =>
  new Argument({ ...blank, kind: 'flag', default: { values: [false] } })

/** One of a few words. */
export const choice = <const Choice extends string>(
  choices: readonly [Choice, ...Choice[]],
): Argument<Choice, Choice, 'required'> => new Argument({ ...blank, kind: 'choice', choices })

/** A span of time, typed as `10s` or `1m30s`; milliseconds in the task. */
export const duration = (): Argument<number, DurationInput, 'required'> => new Argument({ ...blank, kind: 'duration' })

/** A path: relative to where the user stands; absolute in the task. */
export const path = (options: PathOptions = {}): Argument<string, string, 'required'> =>
  new Argument({ ...blank, kind: 'path', path: options })

/** The arguments of a task, by name. */
export type Arguments = Readonly<Record<string, Argument>>

/** What `args` is in a task's `run`. */
export type ArgumentValues<Args extends Arguments> = { readonly [Name in keyof Args]: Args[Name]['output'] }

type Names<Args extends Arguments, Needed extends Presence> = {
  [Name in keyof Args]: Args[Name]['needed'] extends Needed ? Name : never
}[keyof Args]

/** What another task passes to `run(task, …)`: arguments that are optional or have a default may be left out. */
export type ArgumentInput<Args extends Arguments> = {
  readonly [Name in Names<Args, 'required'>]: Args[Name]['input']
} & { readonly [Name in Names<Args, 'optional'>]?: Args[Name]['input'] | undefined }

/** `dryRun` → `dry-run`, `healthCheck` → `health-check`, `parseJSON` → `parse-json`. */
export function kebabCase(name: string): string {
  return name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase()
}
