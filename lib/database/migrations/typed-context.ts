import { type Failure, FailureError } from '../../model/failure.ts'
import { isServerError } from '../failures.ts'
import { lexSql } from '../sql/lexer.ts'
import type { Migration, MigrationContext, SqlFragment } from './definition.ts'
import { StatementError } from './run-statement.ts'

/** Runs a text with values, and gives the rows of its last statement. */
export type Ask = (text: string, values: readonly unknown[] | undefined) => Promise<Record<string, unknown>[]>

/** What is asked of the server, and whether somebody waits for the answer. */
class Answer<T> extends Promise<T> {
  waited = false

  static override get [Symbol.species]() {
    return Promise
  }

  // biome-ignore lint/suspicious/noThenProperty: it is a promise
  override then<One = T, Other = never>(
    ...handlers: [((value: T) => One | PromiseLike<One>)?, ((reason: unknown) => Other | PromiseLike<Other>)?]
  ): Promise<One | Other> {
    this.waited = true
    return super.then(...handlers)
  }
}

/**
 * Calls a migration's function; all that it has asked for is answered when this returns, also what it has not waited for. Gives how many texts it ran. Throws
 * what the function throws; `StatementError` for what the server refuses, and where nobody waited for that.
 */
export async function callMigration(
  work: NonNullable<Migration['down']>,
  { path, output, ask }: { path: string; output: (line: string) => void; ask: Ask },
): Promise<number> {
  let ended = false
  const answers: Answer<Record<string, unknown>[]>[] = []
  const query = (text: string, values?: readonly unknown[]): Promise<Record<string, unknown>[]> => {
    if (ended) throw new Error('the migration has ended: `await` is missing before a statement')
    if (controlsTransaction(text)) throw new FailureError(controlRefused(path, text))
    const answer = new Answer<Record<string, unknown>[]>((resolve, reject) => {
      ask(text, values).then(resolve, (error: unknown) =>
        reject(isServerError(error) ? new StatementError(error, { text, start: 0, end: text.length }) : error),
      )
    })
    // One that nobody waits for is no defect of this process.
    Promise.prototype.then.call(answer, undefined, () => {})
    answers.push(answer)
    return answer
  }
  const context: MigrationContext = {
    query: (text, values) => query(text, values) as Promise<never[]>,
    sql: (strings, ...values) => query(...statementOf(strings, values)) as Promise<never[]>,
    identifier: (...names) => ({ fragment: names.map((name) => `"${name.replaceAll('"', '""')}"`).join('.') }),
    log: output,
  }
  try {
    await work(context)
  } finally {
    ended = true
    await Promise.allSettled(answers.map((answer) => Promise.prototype.then.call(answer, undefined, () => {})))
  }
  for (const answer of answers) if (!answer.waited) await answer
  return answers.length
}

/** The text of a template and its values: names stand in the text, everything else is sent beside it. */
function statementOf(strings: TemplateStringsArray, given: readonly unknown[]): [string, unknown[] | undefined] {
  const values: unknown[] = []
  let text = strings[0] ?? ''
  for (const [index, value] of given.entries()) {
    text += isFragment(value) ? value.fragment : `$${values.push(value)}`
    text += strings[index + 1] ?? ''
  }
  return [text, values.length > 0 ? values : undefined]
}

const isFragment = (value: unknown): value is SqlFragment =>
  typeof value === 'object' && value !== null && typeof (value as { fragment?: unknown }).fragment === 'string'

/** How a statement begins that begins or ends a transaction; savepoints are left to the migration. */
const control =
  /^(?:begin|start\s+transaction|commit|end|abort|prepare\s+transaction|rollback(?!\s+(?:work\s+|transaction\s+)?to\b))\b/i

const controlsTransaction = (text: string): boolean =>
  lexSql(text).statements.some(({ start, end }) => control.test(text.slice(start, end)))

const controlRefused = (path: string, text: string): Failure => ({
  code: 'migration-transaction-control',
  message: `${text.trim().split(/\s/, 1)[0]?.toUpperCase()} in a migration: vital-ops opens and ends transactions itself`,
  place: { file: path },
  source: text.trim(),
  why: 'the migration and its row in the ledger are one transaction, so that neither is there without the other',
  next: ['remove the statement', 'or say `transaction: false`, where each statement is to be by itself'],
})
