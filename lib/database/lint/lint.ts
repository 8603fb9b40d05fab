import type { MigrationFile } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import type { Finding, Severity } from '../../model/finding.ts'
import { type ParsedMigration, parseMigration } from '../migrations/script.ts'
import { createdNames } from '../sql/effect.ts'
import { lexSql } from '../sql/lexer.ts'
import type { Statement } from '../sql/parser.ts'
import { lineAt, placeAt } from '../sql/positions.ts'
import { child, entries, type QualifiedName, relationName } from '../sql/statements.ts'
import { type Complaint, complaintsOf, type LintRule, lintRules, type Names } from './rules.ts'

/** Bytes (with indexes) and rows (the server's estimate) of a table; `empty`: it has no row, and had none since it was made or emptied. */
export type TableSize = { bytes: number; rows: number; empty?: true }

/** The sizes of the target's tables, by name and by `schema.name`; undefined where it does not answer. */
export type TableSizes = ReadonlyMap<string, TableSize> | undefined

/** A finding of lint, with the line that it is about and the table's size where that is known. */
export type LintFinding = Finding & {
  rule: LintRule | 'lint-exception'
  source?: string
  size?: TableSize
  /** What code says that uses what it is about. */
  names?: Names
}

/** From here on a lock for the time of a build or a reading is felt: 32 MB are read in a fraction of a second. */
export const bigTable = 32 * 1024 * 1024

/**
 * Looks for what is dangerous in a migration's up part before it runs. What the same migration has created is passed over, and so are tables that are known
 * to be small. `-- vital-ops: ignore RULE reason` takes a rule out for the file. Failures: those of `parseMigration`.
 */
export async function lintMigration(
  file: MigrationFile,
  text: string,
  sizes?: TableSizes,
): Promise<Result<LintFinding[]>> {
  const parsed = await parseMigration(text, file.path)
  if (!parsed.ok) return parsed
  const { ignored, findings } = exceptions(text, file.path)
  const all = [...statementFindings(parsed.value, file, sizes), ...wholeFindings(parsed.value, file, sizes)]
  return ok([...findings, ...all.filter(({ rule }) => !ignored.has(rule))])
}

function statementFindings({ up, text }: ParsedMigration, file: MigrationFile, sizes: TableSizes): LintFinding[] {
  const own = new Set<string>()
  return up.statements.flatMap((statement) => {
    const found = complaintsOf(statement, own).flatMap((complaint) => {
      const finding = weighed(complaint, sizes)
      return finding ? [{ ...finding, ...placed(statement, text, file) }] : []
    })
    for (const name of createdNames(statement)) own.add(name)
    return found
  })
}

const errors = new Set<LintRule>(['syntax-error', 'not-null-without-default'])

/** A complaint as a finding; undefined where the table is known to be too small to matter. */
function weighed({ rule, message, mend, table, always, names }: Complaint, sizes: TableSizes): LintFinding | undefined {
  const size = table && sizes && sizeOf(table, sizes)
  if (size && size.bytes < bigTable && !always && rule !== 'empties-table') return undefined
  // A table that is not there yet, or is empty, fails for no row.
  if (rule === 'not-null-without-default' && size?.empty) return undefined
  const severity: Severity = errors.has(rule) || (size && size.bytes >= bigTable && !always) ? 'error' : 'warning'
  return {
    rule,
    severity,
    message: `${message}${size ? ` (${sizeText(size)})` : ''}`,
    mend,
    ...(size && { size }),
    ...(names && { names }),
  }
}

const sizeOf = ({ schema, name }: QualifiedName, sizes: NonNullable<TableSizes>): TableSize | undefined =>
  sizes.get(schema === undefined ? name : `${schema}.${name}`)

function sizeText({ bytes, rows }: TableSize): string {
  const unit = bytes >= 1024 ** 3 ? `${(bytes / 1024 ** 3).toFixed(1)} GB` : `${(bytes / 1024 ** 2).toFixed(1)} MB`
  return rows < 0 ? unit : `${unit}, about ${rows} rows`
}

function placed(statement: Statement, text: string, file: MigrationFile) {
  const offset = statement.problem?.offset ?? statement.start
  return { place: { file: file.path, ...placeAt(text, offset) }, source: lineAt(text, offset) }
}

/** What is wrong with the migration as a whole. */
function wholeFindings({ up, text }: ParsedMigration, file: MigrationFile, sizes: TableSizes): LintFinding[] {
  const findings: LintFinding[] = []
  if (up.transaction) {
    const locked = exclusivelyLocked(up.statements)
    const [, second] = locked
    const big = locked.filter(({ table }) => (sizes && sizeOf(table, sizes)?.empty) !== true)
    if (second && big.length > 1) {
      findings.push({
        rule: 'locks-several-tables',
        severity: 'warning',
        message: `${locked.map(({ table }) => table.name).join(', then ')} are locked until the last statement has run`,
        mend: 'a migration for each table, or the order in which the code uses them',
        ...placed(second.statement, text, file),
      })
    }
    findings.push(...validatedAtOnce(up.statements, text, file))
  }
  return [...findings, ...missingDown(file)]
}

/** A migration in TypeScript: what cannot be seen is said. */
export function lintTyped(file: MigrationFile): LintFinding[] {
  const place = { file: file.path }
  const finding: LintFinding = {
    rule: 'not-looked-into',
    severity: 'note',
    message: `${lintRules['not-looked-into']}: nothing was looked for in it`,
    mend: 'write in SQL what can be: a migration of its own beside this one',
    place,
  }
  return [finding, ...missingDown(file)]
}

function missingDown(file: MigrationFile): LintFinding[] {
  if (file.down || file.repeatable) return []
  return [
    {
      rule: 'missing-down',
      severity: 'note',
      message: lintRules['missing-down'],
      mend: 'write a down part, where going back loses nothing that matters',
      place: { file: file.path },
    },
  ]
}

/** The tables on which a transaction holds ACCESS EXCLUSIVE, in the order of its statements, without those that it has created. */
function exclusivelyLocked(statements: readonly Statement[]): { table: QualifiedName; statement: Statement }[] {
  const own = new Set<string>()
  const locked = new Map<string, { table: QualifiedName; statement: Statement }>()
  for (const statement of statements) {
    const { kind, node } = statement
    const ranges =
      kind === 'AlterTableStmt' || kind === 'RenameStmt' || kind === 'ClusterStmt'
        ? [child(node, 'relation')]
        : kind === 'TruncateStmt' || kind === 'LockStmt'
          ? entries(node, 'relations').map(([, range]) => range)
          : []
    for (const table of ranges.map(relationName)) {
      if (table.name !== '' && !own.has(table.name) && !locked.has(table.name))
        locked.set(table.name, { table, statement })
    }
    for (const name of createdNames(statement)) own.add(name)
  }
  return [...locked.values()]
}

function validatedAtOnce(statements: readonly Statement[], text: string, file: MigrationFile): LintFinding[] {
  const added = new Set<string>()
  return statements.flatMap((statement) => {
    if (statement.kind !== 'AlterTableStmt') return []
    const table = relationName(child(statement.node, 'relation')).name
    return entries(statement.node, 'cmds').flatMap(([, command]): LintFinding[] => {
      const constraint = child(child(command, 'def'), 'Constraint')
      if (command.subtype === 'AT_AddConstraint') added.add(`${table} ${String(constraint.conname)}`)
      if (command.subtype !== 'AT_ValidateConstraint' || !added.has(`${table} ${String(command.name)}`)) return []
      return [
        {
          rule: 'validates-at-once',
          severity: 'warning',
          message: `${String(command.name)} is validated under the lock of the statement that added it`,
          mend: 'validate it in the next migration',
          ...placed(statement, text, file),
        },
      ]
    })
  })
}

/** The rules that a file takes out, each with a reason; those without one, or of no rule, are findings themselves. */
function exceptions(text: string, file: string): { ignored: Set<string>; findings: LintFinding[] } {
  const ignored = new Set<string>()
  const findings: LintFinding[] = []
  for (const { start, end } of lexSql(text).commentLines) {
    const [, rule, reason] = /^--\s*vital-ops:\s*ignore\s+([\w-]+)[\s:,-]*(.*?)\s*$/.exec(text.slice(start, end)) ?? []
    if (rule === undefined) continue
    if (rule in lintRules && reason) ignored.add(rule)
    else {
      findings.push({
        rule: 'lint-exception',
        severity: 'error',
        message: rule in lintRules ? `${rule} is ignored without a reason` : `there is no rule ${rule}`,
        mend: `-- vital-ops: ignore ${rule in lintRules ? rule : Object.keys(lintRules)[1]} <reason>`,
        place: { file, ...placeAt(text, start) },
        source: lineAt(text, start),
      })
    }
  }
  return { ignored, findings }
}
