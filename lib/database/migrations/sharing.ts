import type { Statement } from '../sql/parser.ts'
import { child } from '../sql/statements.ts'
import type { ParsedMigration } from './script.ts'

/** Where the statements of a migration are in its text (UTF-16), and how many there are. */
export type SharedPart = { from: number; to: number; statements: number }

/** Kinds of statements that leave nothing behind but what their transaction commits: no settings of the session, no temporary tables. */
const plain = new Set([
  'CreateStmt',
  'IndexStmt',
  'AlterTableStmt',
  'ViewStmt',
  'CreateFunctionStmt',
  'CreateTrigStmt',
  'CommentStmt',
  'CreateEnumStmt',
  'CreateDomainStmt',
  'CreateRangeStmt',
  'CompositeTypeStmt',
  'CreateSchemaStmt',
  'CreateSeqStmt',
  'AlterSeqStmt',
  'CreateStatsStmt',
  'CreatePolicyStmt',
  'RuleStmt',
  'GrantStmt',
  'RenameStmt',
  'DropStmt',
  'InsertStmt',
  'UpdateStmt',
  'DeleteStmt',
])

const isPlain = ({ kind = '', node, data, problem }: Statement): boolean =>
  plain.has(kind) && data === undefined && !problem && child(node, 'relation').relpersistence !== 't'

/** What of a migration may share a transaction with its neighbours; undefined where it may not. */
export function sharedPart({ up, format }: Pick<ParsedMigration, 'up' | 'format'>): SharedPart | undefined {
  const [first] = up.statements
  const last = up.statements.at(-1)
  if (format.statementTimeoutMs !== undefined) return undefined
  if (!up.transaction || !first || !last || !up.statements.every(isPlain)) return undefined
  return { from: first.start, to: last.end, statements: up.statements.length }
}
