import { type Milliseconds, parseDuration } from '../../model/duration.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'

/** A part of a statement that is no value: what `identifier` makes. */
export type SqlFragment = { readonly fragment: string }

/** What a migration in TypeScript is given. */
export type MigrationContext = {
  /** Runs a statement; gives its rows. What stands in `${…}` is sent as a value (`$1`, `$2` …), and what `identifier` made as a name. */
  sql<Row = Record<string, unknown>>(strings: TemplateStringsArray, ...values: unknown[]): Promise<Row[]>
  /** Runs a statement, or several without values; gives the rows of the last one. */
  query<Row = Record<string, unknown>>(text: string, values?: readonly unknown[]): Promise<Row[]>
  /** A name in a statement, quoted: `identifier('hits')`, `identifier('public', 'hits')`. */
  identifier(...names: [string, ...string[]]): SqlFragment
  /** Says a line of progress. */
  log(line: string): void
}

/** A migration in TypeScript. */
export type Migration = {
  /** Whether running code goes on working with the schema afterwards: nobody can tell from code, so that it has to be said. */
  effect: 'expand' | 'breaking'
  /** `false`: each statement by itself, because one of them cannot be in a transaction, or to work in batches. What fails is run again from its beginning. */
  transaction?: boolean
  /** How long each of its statements may take (`30s`), or `none`; without it, as `database.statementTimeout` of the environment says. */
  statementTimeout?: string
  /** Applies it. May be called again, after its transaction was rolled back for want of a lock. */
  up(context: MigrationContext): void | Promise<void>
  /** Undoes it. */
  down?(context: MigrationContext): void | Promise<void>
}

/** Types a migration: `export default migration({ effect: 'expand', up: async ({ sql }) => { … } })`. */
export const migration = (definition: Migration): Migration => definition

/** The migration that a module exports: as its default, or as `effect`, `up`, `down` and `transaction`. Failure `migration-format`. */
export function migrationOf(module: Record<string, unknown>, path: string): Result<Migration> {
  const found = typeof module.default === 'object' && module.default !== null ? module.default : module
  const { effect, transaction, statementTimeout, up, down, ...more } = found as Record<string, unknown>
  const unknown = found === module ? undefined : Object.keys(more)[0]
  if (typeof up !== 'function') return failed(wrong(path, 'exports no migration: `up` is no function'))
  if (down !== undefined && typeof down !== 'function') return failed(wrong(path, '`down` is no function'))
  if (effect !== 'expand' && effect !== 'breaking') {
    const why =
      'its statements are known only when it runs, and deploys have to know before whether the old code goes on working'
    return failed({ ...wrong(path, "does not say its `effect`: 'expand' or 'breaking'"), why })
  }
  if (transaction !== undefined && typeof transaction !== 'boolean') {
    return failed(wrong(path, '`transaction` is neither true nor false'))
  }
  if (statementTimeout !== undefined && timeoutOf(statementTimeout) === undefined) {
    return failed(wrong(path, "has a `statementTimeout` that is neither a time, as '30s', nor 'none'"))
  }
  if (unknown !== undefined) return failed(wrong(path, `has \`${unknown}\`, which no migration has`))
  return ok(found as Migration)
}

/** How long a statement may take in milliseconds (0: as long as it wants); undefined for what is no time. */
export const timeoutOf = (text: unknown): Milliseconds | undefined =>
  text === 'none' ? 0 : typeof text === 'string' ? parseDuration(text) : undefined

const wrong = (path: string, what: string): Failure => ({
  code: 'migration-format',
  message: `the migration ${path} ${what}`,
  place: { file: path },
  next: ["export default migration({ effect: 'expand', up: async ({ sql }) => { … } })"],
  outcome: 'unchanged',
})
