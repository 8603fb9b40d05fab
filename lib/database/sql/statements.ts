import type { Node, Statement } from './parser.ts'

/** A name as written, with its schema if it has one. */
export type QualifiedName = { schema?: string; name: string }

const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value)

/** The child of a node, or an empty one. */
export const child = (node: Node | undefined, key: string): Node => {
  const value = node?.[key]
  return isNode(value) ? value : {}
}

/** The list in a node, each entry without its wrapper: `[{ RangeVar: {…} }]` gives `[['RangeVar', {…}]]`. */
export function entries(node: Node | undefined, key: string): [string, Node][] {
  const value = node?.[key]
  if (!Array.isArray(value)) return []
  return value.filter(isNode).flatMap((entry) => Object.entries(entry) as [string, Node][])
}

/** The name of a RangeVar. */
export function relationName(range: Node): QualifiedName {
  return {
    name: String(range.relname ?? ''),
    ...(typeof range.schemaname === 'string' && { schema: range.schemaname }),
  }
}

/** The names that a DROP lists. */
export function droppedNames(node: Node | undefined): QualifiedName[] {
  return entries(node, 'objects').map(([kind, value]) => {
    const list = { List: 'items', TypeName: 'names', ObjectWithArgs: 'objname' }[kind]
    const parts = list === undefined ? [[kind, value] as [string, Node]] : entries(value, list)
    const words = parts.map(([, part]) => String(part.sval ?? '')).filter((word) => word !== '')
    const [schema] = words.slice(-2, -1)
    return { name: words.at(-1) ?? '', ...(schema !== undefined && { schema }) }
  })
}

/** Whether an option like `CONCURRENTLY` is on in a list of DefElem; without a value it is. */
function hasOption(node: Node | undefined, name: string): boolean {
  return entries(node, 'params').some(([, option]) => {
    const value = String(child(child(option, 'arg'), 'String').sval ?? 'true').toLowerCase()
    return option.defname === name && !['false', 'off', '0', 'no'].includes(value)
  })
}

/**
 * Why a statement cannot run inside a transaction (PostgreSQL's PreventInTransactionBlock), as a word for people; undefined if it can.
 */
export function outsideTransaction({ kind, node }: Statement): string | undefined {
  switch (kind) {
    case 'IndexStmt':
      return node?.concurrent === true ? 'CREATE INDEX CONCURRENTLY' : undefined
    case 'DropStmt':
      return node?.concurrent === true ? 'DROP INDEX CONCURRENTLY' : undefined
    case 'ReindexStmt': {
      const whole = ['REINDEX_OBJECT_SCHEMA', 'REINDEX_OBJECT_SYSTEM', 'REINDEX_OBJECT_DATABASE']
      if (hasOption(node, 'concurrently')) return 'REINDEX CONCURRENTLY'
      return whole.includes(String(node?.kind)) ? 'REINDEX of more than a table' : undefined
    }
    case 'VacuumStmt':
      return node?.is_vacuumcmd === true ? 'VACUUM' : undefined
    case 'ClusterStmt':
      return node?.relation === undefined ? 'CLUSTER of all tables' : undefined
    case 'AlterTableStmt':
      return entries(node, 'cmds').some(
        ([, command]) => child(child(command, 'def'), 'PartitionCmd').concurrent === true,
      )
        ? 'DETACH PARTITION CONCURRENTLY'
        : undefined
    case 'AlterDatabaseStmt':
      return entries(node, 'options').some(([, option]) => option.defname === 'tablespace')
        ? 'ALTER DATABASE SET TABLESPACE'
        : undefined
    default:
      return kind === undefined ? undefined : alwaysOutside[kind]
  }
}

const alwaysOutside: Record<string, string> = {
  CreatedbStmt: 'CREATE DATABASE',
  DropdbStmt: 'DROP DATABASE',
  CreateTableSpaceStmt: 'CREATE TABLESPACE',
  DropTableSpaceStmt: 'DROP TABLESPACE',
  AlterSystemStmt: 'ALTER SYSTEM',
  CreateSubscriptionStmt: 'CREATE SUBSCRIPTION',
  DropSubscriptionStmt: 'DROP SUBSCRIPTION',
}

/** Whether a statement is BEGIN, COMMIT or another that begins or ends a transaction (savepoints do not). */
export function transactionControl({ kind, node }: Statement): 'begin' | 'end' | undefined {
  if (kind !== 'TransactionStmt') return undefined
  const what = String(node?.kind)
  if (['TRANS_STMT_BEGIN', 'TRANS_STMT_START'].includes(what)) return 'begin'
  return ['TRANS_STMT_SAVEPOINT', 'TRANS_STMT_RELEASE', 'TRANS_STMT_ROLLBACK_TO'].includes(what) ? undefined : 'end'
}

/** Whether a statement only changes the session's settings: run again when the session is another one. */
export const setsSession = ({ kind, node }: Statement): boolean => kind === 'VariableSetStmt' && node?.is_local !== true
