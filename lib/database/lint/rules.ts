import { isSerial } from '../sql/effect.ts'
import type { Node, Statement } from '../sql/parser.ts'
import { child, entries, type QualifiedName, relationName } from '../sql/statements.ts'

/** What a rule says of a statement. `table`: the one that is locked or read, whose size decides how much it matters. */
export type Complaint = {
  rule: LintRule
  message: string
  mend: string
  table?: QualifiedName
  always?: true
  names?: Names
}

/** What code says that uses it: its name, and where it is a column, that of its table. */
export type Names = readonly [string, ...string[]]

/** The rules and what each is about: the table of `task migrate lint`. */
export const lintRules = {
  'syntax-error': 'PostgreSQL cannot read the statement',
  'index-blocks-writes': 'CREATE INDEX without CONCURRENTLY stops every write to the table until it is built',
  'drop-index-blocks':
    'DROP INDEX without CONCURRENTLY waits for all queries of its table, and stops those that come after',
  'reindex-blocks': 'REINDEX without CONCURRENTLY stops writes, and reads that would use the index',
  'not-null-without-default': 'a new column that must not be null, without a value for the rows that are there',
  'set-not-null-scans': 'SET NOT NULL reads the whole table while nobody can use it',
  'rewrites-table': 'the whole table is written anew while nobody can use it',
  'constraint-scans': 'a new constraint reads the whole table under a lock that stops writes',
  'constraint-builds-index': 'a new key builds its index while nobody can use the table',
  'validates-at-once': 'a constraint is validated in the transaction that added it, whose lock stays for the reading',
  renames: 'running code still uses the old name',
  'drops-used': 'running code may still use what is dropped',
  'empties-table': 'TRUNCATE empties a table',
  'changes-every-row':
    'UPDATE or DELETE of every row in one transaction: locks, bloat, and replication lag as long as it takes',
  'locks-several-tables':
    'one transaction locks several tables: code that uses them in another order deadlocks with it',
  'missing-down': 'nothing says how to undo the migration',
  'not-looked-into': 'the statements of a migration in TypeScript are known only when it runs',
} as const
/** A rule of `task migrate lint`. */
export type LintRule = keyof typeof lintRules

/** What a single statement is to be blamed for. `own`: names that the same migration has created, whose locks hurt nobody. */
export function complaintsOf(statement: Statement, own: ReadonlySet<string>): Complaint[] {
  const { kind, node, problem } = statement
  if (problem) return [{ rule: 'syntax-error', message: problem.message, mend: 'mend the statement' }]
  const table = tableOf(node)
  if (table && own.has(table.name)) return []
  const at = table ? { table } : {}
  const name = table?.name ?? 'the table'
  switch (kind) {
    case 'IndexStmt':
      if (node?.concurrent === true) return []
      return [
        {
          rule: 'index-blocks-writes',
          message: `building ${String(node?.idxname ?? 'the index')} stops every write to ${name}`,
          mend: 'create index concurrently …, alone in its file',
          ...at,
        },
      ]
    case 'DropStmt':
      return dropComplaints(node, own)
    case 'ReindexStmt': {
      const concurrent = entries(node, 'params').some(([, option]) => option.defname === 'concurrently')
      if (concurrent) return []
      const message = `rebuilding stops writes to ${name}`
      return [{ rule: 'reindex-blocks', message, mend: 'reindex … concurrently', ...at }]
    }
    case 'AlterTableStmt':
      return entries(node, 'cmds').flatMap(([, command]) =>
        commandComplaints(command, name).map((one) => ({ ...one, ...at })),
      )
    case 'RenameStmt':
      return renameComplaints(node)
    case 'VacuumStmt': {
      const full = entries(node, 'options').some(([, option]) => option.defname === 'full')
      return full ? [rewrites('VACUUM FULL writes the table anew', 'pg_repack, or VACUUM without FULL')] : []
    }
    case 'ClusterStmt':
      return [{ ...rewrites(`CLUSTER writes ${name} anew`, 'pg_repack'), ...at }]
    case 'RefreshMatViewStmt':
      if (node?.concurrent === true) return []
      return [
        {
          ...rewrites(`nobody can read ${name} while it is filled anew`, 'refresh materialized view concurrently'),
          ...at,
        },
      ]
    case 'TruncateStmt':
      return entries(node, 'relations')
        .map(([, range]) => relationName(range))
        .filter((one) => !own.has(one.name))
        .map((one) => ({
          rule: 'empties-table' as const,
          message: `all rows of ${one.name} are gone`,
          mend: 'take a backup first: task backup',
          table: one,
        }))
    case 'UpdateStmt':
    case 'DeleteStmt':
      if (node?.whereClause !== undefined) return []
      return [
        {
          rule: 'changes-every-row',
          message: `every row of ${name} is changed in one transaction`,
          mend: 'in batches, outside of the migration: task query, or a task of your own',
          ...at,
        },
      ]
    default:
      return []
  }
}

function tableOf(node: Node | undefined): QualifiedName | undefined {
  const { name, schema } = relationName(child(node, 'relation'))
  return name === '' ? undefined : { name, ...(schema !== undefined && { schema }) }
}

const rewrites = (message: string, mend: string): Complaint => ({ rule: 'rewrites-table', message, mend })

function dropComplaints(node: Node | undefined, own: ReadonlySet<string>): Complaint[] {
  const type = String(node?.removeType)
  if (type === 'OBJECT_INDEX') {
    if (node?.concurrent === true) return []
    const message = 'dropping it waits for all queries of its table'
    return [{ rule: 'drop-index-blocks', message, mend: 'drop index concurrently …, alone in its file' }]
  }
  const used: Record<string, string> = {
    OBJECT_TABLE: 'table',
    OBJECT_VIEW: 'view',
    OBJECT_MATVIEW: 'materialized view',
    OBJECT_FUNCTION: 'function',
    OBJECT_PROCEDURE: 'procedure',
    OBJECT_SEQUENCE: 'sequence',
    OBJECT_TYPE: 'type',
    OBJECT_SCHEMA: 'schema',
  }
  const what = used[type]
  if (what === undefined) return []
  return entries(node, 'objects').flatMap(([, object]) => {
    const words = entries(object, 'items').map(([, part]) => String(part.sval ?? ''))
    const [schema] = words.slice(-2, -1)
    const name = words.at(-1) ?? String(object.sval ?? '')
    if (own.has(name)) return []
    return [
      {
        rule: 'drops-used' as const,
        message: `running code may still use the ${what}${name === '' ? '' : ` ${name}`}`,
        mend: 'deploy code that does not use it first, and drop it with the deploy after that',
        ...(type === 'OBJECT_TABLE' && { table: { name, ...(schema !== undefined && { schema }) } }),
        always: true as const,
        ...(name !== '' && { names: [name] as const }),
      },
    ]
  })
}

function renameComplaints(node: Node | undefined): Complaint[] {
  const used: Record<string, string> = { OBJECT_TABLE: 'table', OBJECT_COLUMN: 'column', OBJECT_VIEW: 'view' }
  const what = used[String(node?.renameType)]
  if (what === undefined) return []
  const [from, to] = [String(node?.subname ?? relationName(child(node, 'relation')).name), String(node?.newname)]
  const mend =
    what === 'column'
      ? `add ${to}, write both, fill it, move the code over, and drop ${from} with a later deploy`
      : `leave a view of the name ${from} behind until no code uses it`
  const relation = relationName(child(node, 'relation')).name
  const names: Names = what === 'column' ? [from, relation] : [from]
  return [{ rule: 'renames', message: `running code still says ${from}`, mend, always: true, names }]
}

function commandComplaints(command: Node, table: string): Complaint[] {
  const column = String(command.name ?? child(child(command, 'def'), 'ColumnDef').colname ?? '')
  switch (String(command.subtype)) {
    case 'AT_AddColumn':
      return columnComplaints(command, column, table)
    case 'AT_AddConstraint':
      return constraintComplaints(child(child(command, 'def'), 'Constraint'), table)
    case 'AT_SetNotNull':
      return [
        {
          rule: 'set-not-null-scans',
          message: `all of ${table} is read while nobody can use it`,
          mend: `add constraint … check (${column} is not null) not valid; validate it in the next migration; then set not null, which trusts it`,
        },
      ]
    case 'AT_AlterColumnType':
      return [
        rewrites(
          `another type for ${column} writes ${table} and its indexes anew, unless the old one is only made longer`,
          'a new column of that type, filled in batches, and the old one dropped with a later deploy',
        ),
      ]
    case 'AT_SetTableSpace':
    case 'AT_SetLogged':
    case 'AT_SetUnLogged':
    case 'AT_SetAccessMethod':
      return [rewrites(`all of ${table} is written anew`, 'in a time of little use')]
    case 'AT_DropColumn':
      return [
        {
          rule: 'drops-used',
          message: `running code may still use the column ${column}`,
          mend: 'deploy code that does not use it first, and drop it with the deploy after that',
          always: true,
          names: [column, table],
        },
      ]
    default:
      return []
  }
}

/** Functions that give every row its own value, so that ADD COLUMN has to write each of them. */
const stable = new Set(['now', 'current_timestamp', 'transaction_timestamp', 'statement_timestamp', 'current_user'])

function columnComplaints(command: Node, column: string, table: string): Complaint[] {
  const constraints = entries(child(child(command, 'def'), 'ColumnDef'), 'constraints').map(([, one]) => one)
  const kinds = constraints.map((one) => String(one.contype))
  const fallback = constraints.find((one) => one.contype === 'CONSTR_DEFAULT')
  const call = child(child(fallback, 'raw_expr'), 'FuncCall')
  const called = String(entries(call, 'funcname').at(-1)?.[1].sval ?? '')
  const filled = kinds.includes('CONSTR_IDENTITY') || kinds.includes('CONSTR_GENERATED') || isSerial(command)
  if (filled || (called !== '' && !stable.has(called))) {
    return [
      rewrites(
        `a value of its own for each row of ${table} writes all of it anew`,
        `add ${column} without it, fill it in batches, then set the default`,
      ),
    ]
  }
  if (fallback === undefined && (kinds.includes('CONSTR_NOTNULL') || kinds.includes('CONSTR_PRIMARY'))) {
    return [
      {
        rule: 'not-null-without-default',
        message: `${column} has no value for the rows that are in ${table}: it fails there`,
        mend: `add a default, or add ${column} without NOT NULL, fill it, and set NOT NULL later`,
        always: true,
      },
    ]
  }
  return kinds.includes('CONSTR_UNIQUE') ? constraintComplaints({ contype: 'CONSTR_UNIQUE' }, table) : []
}

function constraintComplaints(constraint: Node, table: string): Complaint[] {
  const kind = String(constraint.contype)
  if (kind === 'CONSTR_FOREIGN' || kind === 'CONSTR_CHECK') {
    if (constraint.skip_validation === true) return []
    const locked = kind === 'CONSTR_FOREIGN' ? `${table} and ${relationName(child(constraint, 'pktable')).name}` : table
    return [
      {
        rule: 'constraint-scans',
        message: `all of ${table} is read while nobody can write to ${locked}`,
        mend: 'add it NOT VALID, and validate it in the next migration, which lets writes pass',
      },
    ]
  }
  if (!['CONSTR_UNIQUE', 'CONSTR_PRIMARY', 'CONSTR_EXCLUSION'].includes(kind) || constraint.indexname !== undefined)
    return []
  return [
    {
      rule: 'constraint-builds-index',
      message: `its index is built while nobody can use ${table}`,
      mend: 'create unique index concurrently …, then add constraint … using index',
    },
  ]
}
