import type { MigrationFile } from '../../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { type Effect, inferEffect } from '../sql/effect.ts'
import { loadParser, parseScript, type Statement } from '../sql/parser.ts'
import { lineAt, placeAt } from '../sql/positions.ts'
import { outsideTransaction, transactionControl } from '../sql/statements.ts'
import { type Format, type Part, parseFormat } from './format.ts'

/** A part of a migration, ready to run. */
export type Script = {
  statements: Statement[]
  /** All statements and the ledger's row in one transaction; otherwise one by one. */
  transaction: boolean
  /** Why not in one transaction: what the file says, or the statement that cannot. */
  reason?: string
}

/** A migration's file, read and understood. */
export type ParsedMigration = {
  /** With line ends `\n` and without a byte order mark: what offsets and places refer to. */
  text: string
  format: Format
  up: Script
  effect: 'expand' | 'breaking'
  /** Why it is breaking: the header's reason, or the statement's. */
  reason?: string
}

/** A pending migration in SQL, ready to run. */
export type Prepared = { file: MigrationFile; migration: ParsedMigration }

/**
 * Understands a migration's text (already normalised, see `files.ts`). `file` is only for places. Failures: `migration-format`,
 * `migration-transaction-control`, `migration-effect-unexplained`. Syntax errors are not among them (`syntaxFailures`): a file that
 * was applied long ago may hold what today's parser no longer knows.
 */
export async function parseMigration(text: string, file: string): Promise<Result<ParsedMigration>> {
  const format = parseFormat(text, file)
  if (!format.ok) return format
  const parse = await loadParser()
  const up = makeScript(parseScript(parse, text, format.value.up.from, format.value.up.to), format.value.up, text, file)
  if (!up.ok) return up
  const effect = decideEffect(format.value, inferEffect(up.value.statements), text, file)
  if (!effect.ok) return effect
  return ok({ text, format: format.value, up: up.value, ...effect.value })
}

/**
 * The down part of a migration's text; undefined where it has none, or nothing in it. `alone`: the text is that of a file which only undoes, and all of
 * it is meant. Failures: `migration-format`, `migration-transaction-control`, `migration-syntax`.
 */
export async function parseDown(
  text: string,
  file: string,
  { alone }: { alone: boolean },
): Promise<Result<Pick<ParsedMigration, 'format' | 'up' | 'effect'> | undefined>> {
  const format = parseFormat(text, file)
  if (!format.ok) return format
  const part = alone ? format.value.up : format.value.down
  if (part === undefined) return ok(undefined)
  const parse = await loadParser()
  const down = makeScript(parseScript(parse, text, part.from, part.to), part, text, file)
  if (!down.ok) return down
  const [first, ...rest] = syntaxFailures(down.value, text, file)
  if (first) return failed(first, ...rest)
  return ok(
    down.value.statements.length === 0 ? undefined : { format: format.value, up: down.value, effect: 'breaking' },
  )
}

/** The syntax errors of a script, with their places. */
export function syntaxFailures(script: Script, text: string, file: string): Failure[] {
  return script.statements.flatMap(({ problem }) => {
    if (problem === undefined) return []
    const line = lineAt(text, problem.offset)
    return [
      {
        code: 'migration-syntax',
        message: problem.message,
        place: { file, ...placeAt(text, problem.offset) },
        source: line,
        ...(line.trimStart().startsWith('\\') && {
          why: "lines that begin with a backslash are psql's commands, not SQL",
        }),
        outcome: 'unchanged',
      },
    ]
  })
}

function makeScript(all: Statement[], part: Part, text: string, file: string): Result<Script> {
  const statements = withoutWrapper(all)
  const outside = statements.map(outsideTransaction).find((reason) => reason !== undefined)
  const transaction = part.transaction && outside === undefined
  const control = statements.find((statement) => transactionControl(statement) !== undefined)
  if (control) {
    return failed({
      code: 'migration-transaction-control',
      message: `${control.text.split(/\s/, 1)[0]?.toUpperCase()} in a migration: vital-ops opens and ends transactions itself`,
      place: { file, ...placeAt(text, control.start) },
      source: lineAt(text, control.start),
      why: transaction
        ? 'the migration and its row in the ledger are one transaction, so that neither is there without the other'
        : `each statement runs and is recorded by itself, because of ${outside ?? 'transaction:false'}`,
      next: ['remove the statement', 'what must be a transaction of its own goes into a file of its own'],
      outcome: 'unchanged',
    })
  }
  const reason = transaction ? undefined : (outside ?? 'transaction:false')
  return ok({ statements, transaction, ...(reason !== undefined && { reason }) })
}

/** A file that is as a whole BEGIN … COMMIT says what is the case anyway. */
function withoutWrapper(statements: Statement[]): Statement[] {
  const [first] = statements
  const last = statements.at(-1)
  const wrapped =
    statements.length >= 2 &&
    first !== undefined &&
    last !== undefined &&
    transactionControl(first) === 'begin' &&
    last.node?.kind === 'TRANS_STMT_COMMIT'
  return wrapped ? statements.slice(1, -1) : statements
}

function decideEffect(
  { declared }: Format,
  inferred: Effect,
  text: string,
  file: string,
): Result<{ effect: 'expand' | 'breaking'; reason?: string }> {
  if (declared === undefined) {
    return ok(inferred.effect === 'expand' ? { effect: 'expand' } : { effect: 'breaking', reason: inferred.reason })
  }
  if (declared.effect === 'expand' && inferred.effect === 'breaking' && declared.reason === '') {
    return failed({
      code: 'migration-effect-unexplained',
      message: `the header says expand, but ${inferred.reason}`,
      place: { file, ...placeAt(text, inferred.statement.start) },
      source: lineAt(text, inferred.statement.start),
      why: 'after a failed deploy the old code would come back and meet the new schema',
      next: [
        'say breaking: `-- vital-ops: breaking`',
        'or give the reason why running code goes on working: `-- vital-ops: expand <reason>`',
      ],
      outcome: 'unchanged',
    })
  }
  const reason = declared.reason || (inferred.effect === 'breaking' ? inferred.reason : '')
  return ok({ effect: declared.effect, ...(reason !== '' && { reason }) })
}
