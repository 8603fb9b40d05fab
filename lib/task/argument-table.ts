import { type ArgumentSpecification, type Arguments, kebabCase } from './arguments.ts'

/** An argument with its names on the command line. */
export type ArgumentEntry = {
  /** Its name in `args`. */
  key: string
  /** Its name on the command line, without hyphens: `dry-run`. */
  name: string
  specification: ArgumentSpecification
}

/** The arguments of a task as the command line sees them. */
export type ArgumentTable = {
  entries: ArgumentEntry[]
  positionals: ArgumentEntry[]
  /** By long name (`dry-run`, `dryRun`, aliases), and by `no-` of flags. */
  long: Map<string, { entry: ArgumentEntry; negated: boolean }>
  /** By letter: aliases of one letter, and arguments whose name is one. */
  short: Map<string, ArgumentEntry>
  /** The one that takes the flags which have no name here. */
  undeclared?: ArgumentEntry
  /** What is wrong with the definition. */
  problems: string[]
}

/** Gives the names of a task's arguments, and what is wrong with them (two of one name, something behind a repeated one …). */
export function argumentTable(args: Arguments): ArgumentTable {
  const table: ArgumentTable = { entries: [], positionals: [], long: new Map(), short: new Map(), problems: [] }
  for (const [key, argument] of Object.entries(args)) {
    const entry = { key, name: kebabCase(key), specification: argument.specification }
    table.entries.push(entry)
    if (entry.specification.undeclared) table.undeclared = entry
    if (entry.specification.positional) addPositional(table, entry)
    else addOption(table, entry)
  }
  for (const { key, name, specification } of table.entries) {
    if (specification.kind !== 'flag' || specification.positional) continue
    const entry = table.long.get(name)?.entry
    if (entry?.key === key && !table.long.has(`no-${name}`)) table.long.set(`no-${name}`, { entry, negated: true })
  }
  return table
}

function addPositional(table: ArgumentTable, entry: ArgumentEntry): void {
  const before = table.positionals.at(-1)
  if (before?.specification.repeated) {
    table.problems.push(`argument ${entry.key} cannot follow ${before.key}, which takes all that is left`)
  }
  if (isNeeded(entry.specification) && before && !isNeeded(before.specification)) {
    table.problems.push(`argument ${entry.key} is required and cannot follow ${before.key}, which may be left out`)
  }
  if (entry.specification.aliases.length > 0) {
    table.problems.push(`argument ${entry.key} is positional and has no name, so it cannot have an alias`)
  }
  table.positionals.push(entry)
}

/** Whether an argument has to be given, as far as the definition says. */
export const isNeeded = ({ optional, default: preset, repeated }: ArgumentSpecification): boolean =>
  !optional && !preset && (!repeated || repeated.atLeast > 0)

/** Whether the word behind the name is its value. */
export const takesValue = ({ kind, bare }: ArgumentSpecification): boolean => kind !== 'flag' && bare === undefined

function addOption(table: ArgumentTable, entry: ArgumentEntry): void {
  const { key, name, specification } = entry
  const letters = [key, ...specification.aliases].filter((one) => one.length === 1)
  for (const one of new Set([name, key, ...specification.aliases])) {
    if (!/^[A-Za-z0-9][A-Za-z0-9_-]*$/.test(one)) {
      table.problems.push(`argument ${key}: ${JSON.stringify(one)} cannot be the name of a flag`)
    }
  }
  const names = new Set([name, key, ...specification.aliases.filter((one) => one.length > 1)])
  for (const one of names)
    claim(table, entry, one, table.long.get(one)?.entry, () => table.long.set(one, { entry, negated: false }))
  for (const one of letters) claim(table, entry, one, table.short.get(one), () => table.short.set(one, entry))
}

function claim(
  table: ArgumentTable,
  entry: ArgumentEntry,
  name: string,
  taken: ArgumentEntry | undefined,
  take: () => void,
): void {
  if (taken === entry) {
    table.problems.push(
      `argument ${entry.key} has the alias ${name}, ${name === entry.key ? 'which is its own name' : 'twice'}`,
    )
  } else if (taken) table.problems.push(`arguments ${taken.key} and ${entry.key} have the same name ${name}`)
  else take()
}
