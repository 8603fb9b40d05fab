import type { Node, Statement } from './parser.ts'
import { child, droppedNames, entries, relationName } from './statements.ts'

/** Whether running code still works after a migration, with the first statement that says no. */
export type Effect = { effect: 'expand' } | { effect: 'breaking'; reason: string; statement: Statement }

/**
 * Infers a migration's effect from its statements. In doubt it is breaking: wrongly breaking costs a confirmation, wrongly expand costs
 * an outage when the old code comes back. What the same migration has created may be changed freely. Functions and DO blocks are not
 * looked into.
 */
export function inferEffect(statements: readonly Statement[]): Effect {
  const own = new Set<string>()
  for (const statement of statements) {
    const reason = breakingReason(statement, own)
    if (reason !== undefined) return { effect: 'breaking', reason, statement }
    for (const name of createdNames(statement)) own.add(name)
  }
  return { effect: 'expand' }
}

/** Names that a statement creates, without schema: a search_path may lead either form to the other. */
export function createdNames({ kind, node }: Statement): string[] {
  switch (kind) {
    case 'CreateStmt':
      return [relationName(child(node, 'relation')).name]
    case 'CreateForeignTableStmt':
      return [relationName(child(child(node, 'base'), 'relation')).name]
    case 'CreateTableAsStmt':
      return [relationName(child(child(node, 'into'), 'rel')).name]
    case 'ViewStmt':
      return node?.replace === true ? [] : [relationName(child(node, 'view')).name]
    case 'CreateEnumStmt':
    case 'CompositeTypeStmt':
    case 'CreateDomainStmt':
    case 'CreateSeqStmt':
      return namesOf(node)
    default:
      return []
  }
}

function namesOf(node: Node | undefined): string[] {
  const words = [...entries(node, 'typeName'), ...entries(node, 'domainname')].map(([, part]) =>
    String(part.sval ?? ''),
  )
  const range = relationName({ ...child(node, 'sequence'), ...child(node, 'typevar') }).name
  return [words.at(-1), range].filter((name): name is string => name !== undefined && name !== '')
}

function breakingReason(statement: Statement, own: Set<string>): string | undefined {
  const { kind, node } = statement
  if (kind === undefined) return 'vital-ops cannot read it'
  switch (kind) {
    case 'DropStmt':
      return dropReason(node, own)
    case 'AlterTableStmt':
      return alterTableReason(node, own)
    case 'RenameStmt':
      return renameReason(node, own)
    case 'IndexStmt':
      return node?.unique === true && !own.has(relationName(child(node, 'relation')).name)
        ? 'a unique index refuses rows that running code may write'
        : undefined
    case 'AlterEnumStmt':
      return node?.oldVal !== undefined ? 'it renames a value of an enum' : undefined
    case 'AlterDomainStmt':
      return ['C', 'O'].includes(String(node?.subtype))
        ? 'a domain refuses values that running code may write'
        : undefined
    case 'GrantStmt':
    case 'GrantRoleStmt':
      return node?.is_grant === true ? undefined : 'it takes away a right'
    case 'TruncateStmt':
      return entries(node, 'relations').every(([, range]) => own.has(relationName(range).name))
        ? undefined
        : 'it empties a table'
    default:
      return always[kind]
  }
}

const always: Record<string, string> = {
  AlterObjectSchemaStmt: 'it moves an object to another schema',
  AlterOwnerStmt: 'it changes an owner',
  DropdbStmt: 'it drops a database',
  DropOwnedStmt: 'it drops what a role owns',
  DropRoleStmt: 'it drops a role',
  DropSubscriptionStmt: 'it drops a subscription',
}

/** Objects that queries do not name. */
const harmlessDrops = new Set([
  'OBJECT_INDEX',
  'OBJECT_TRIGGER',
  'OBJECT_RULE',
  'OBJECT_STATISTIC_EXT',
  'OBJECT_EVENT_TRIGGER',
])

function dropReason(node: Node | undefined, own: Set<string>): string | undefined {
  const type = String(node?.removeType)
  if (harmlessDrops.has(type)) return undefined
  if (droppedNames(node).every(({ name }) => own.has(name))) return undefined
  return `it drops a ${readable(type)}`
}

const harmlessRenames = new Set([
  'OBJECT_INDEX',
  'OBJECT_TABCONSTRAINT',
  'OBJECT_TRIGGER',
  'OBJECT_RULE',
  'OBJECT_POLICY',
])

function renameReason(node: Node | undefined, own: Set<string>): string | undefined {
  const type = String(node?.renameType)
  if (harmlessRenames.has(type) || own.has(relationName(child(node, 'relation')).name)) return undefined
  return `it renames a ${readable(type)}`
}

const readable = (type: string): string =>
  type
    .replace(/^OBJECT_/, '')
    .replaceAll('_', ' ')
    .toLowerCase()

const alterations: Record<string, string> = {
  AT_DropColumn: 'it drops a column',
  AT_AlterColumnType: 'it changes the type of a column',
  AT_SetNotNull: 'NOT NULL refuses rows that running code may write',
  AT_DropConstraint: 'it drops a constraint, which ON CONFLICT may need',
  AT_DropIdentity: 'running code may count on the identity',
  AT_DropExpression: 'running code may count on the generated value',
  AT_SetExpression: 'it changes a generated value',
  AT_EnableRowSecurity: 'row security hides rows from running code',
  AT_ForceRowSecurity: 'row security hides rows from running code',
  AT_DetachPartition: 'the rows of the partition are no longer in the table',
  AT_DropInherit: 'the rows of the table are no longer in its parent',
  AT_ChangeOwner: 'it changes the owner',
}

function alterTableReason(node: Node | undefined, own: Set<string>): string | undefined {
  if (own.has(relationName(child(node, 'relation')).name)) return undefined
  for (const [, command] of entries(node, 'cmds')) {
    const subtype = String(command.subtype)
    const reason = alterations[subtype] ?? additionReason(subtype, command)
    if (reason !== undefined) return reason
  }
  return undefined
}

function additionReason(subtype: string, command: Node): string | undefined {
  if (subtype === 'AT_ColumnDefault') {
    return command.def === undefined ? 'running code may count on the default' : undefined
  }
  if (subtype === 'AT_AddConstraint') {
    const constraint = child(child(command, 'def'), 'Constraint')
    // An index that is unique already refuses nothing more.
    return constraint.indexname === undefined ? 'a constraint refuses rows that running code may write' : undefined
  }
  if (subtype !== 'AT_AddColumn') return undefined
  const kinds = entries(child(child(command, 'def'), 'ColumnDef'), 'constraints').map(([, one]) => String(one.contype))
  const filled = ['CONSTR_DEFAULT', 'CONSTR_IDENTITY', 'CONSTR_GENERATED'].some((kind) => kinds.includes(kind))
  const required = kinds.includes('CONSTR_NOTNULL') || kinds.includes('CONSTR_PRIMARY')
  return required && !filled && !isSerial(command)
    ? 'running code does not fill the new column, which must not be null'
    : undefined
}

/** Whether the column that a command adds has a type of `serial`. */
export function isSerial(command: Node): boolean {
  const names = entries(child(child(child(command, 'def'), 'ColumnDef'), 'typeName'), 'names')
  return /^(small|big)?serial[248]?$/.test(String(names.at(-1)?.[1].sval))
}
