import { type ArgumentEntry, argumentTable } from '../task/argument-table.ts'
import type { Arguments } from '../task/arguments.ts'
import type { ParseContext } from '../task/parse.ts'
import { readValue } from '../task/values.ts'

/** What asking takes. */
export type AskMissing = {
  /** The task's name. */
  name: string
  args: Arguments
  missing: readonly ArgumentEntry[]
  context: ParseContext
}

/** Kinds whose values are shown although they come from the environment: they hold no secret. */
const openKinds = new Set(['number', 'flag', 'choice', 'duration', 'path'])

/**
 * Asks on the terminal for each argument that is missing: a choice as a list, anything else as a line that is checked at once. Says
 * beforehand what the environment gives. Gives the texts by key, of each as many as are needed; undefined when the asked one gives up.
 */
export async function askForMissing(options: AskMissing): Promise<Record<string, readonly string[]> | undefined> {
  // A module only, which CommonJS (that is what the command is built as) loads by import() alone.
  const { isCancel, note, password, select, text } = await import('@clack/prompts')
  const { name, missing, context } = options
  const output = process.stderr
  const known = fromEnvironment(options)
  if (known.length > 0) note(known.join('\n'), `task ${name}: from the environment`, { output })
  const answers: Record<string, string[]> = {}
  for (const entry of missing) {
    const { kind, choices, description, variable, repeated } = entry.specification
    const texts: string[] = []
    for (let count = 1; count <= Math.max(1, repeated?.atLeast ?? 1); count += 1) {
      const number = repeated && repeated.atLeast > 1 ? ` (${count} of ${repeated.atLeast})` : ''
      const message = `${entry.name}${number}${description === undefined ? '' : `: ${description}`}`
      const typed = { message: kind === 'text' ? message : `${message} (${kind})`, output }
      const validate = (value: string | undefined) => problemOf(entry, value ?? '', context)
      const answer = choices
        ? await select({ message, options: choices.map((value) => ({ value, label: value })), output })
        : // What may also come from the environment is often secret.
          variable !== undefined && kind === 'text'
          ? await password({ ...typed, validate })
          : await text({ ...typed, validate })
      if (isCancel(answer)) return undefined
      texts.push(answer)
    }
    answers[entry.key] = texts
  }
  return answers
}

/** What is wrong with a typed text. */
function problemOf(
  { name, specification }: ArgumentEntry,
  typed: string,
  { folder }: ParseContext,
): string | undefined {
  if (typed === '') return 'a value is needed'
  const read = readValue(specification, typed, { as: name, folder })
  return read.ok ? undefined : read.failures[0].message
}

/** The arguments that environment variables give; a text, which may be a secret, without its value. */
function fromEnvironment({ args, context }: AskMissing): string[] {
  return argumentTable(args).entries.flatMap(({ name, specification: { variable, kind } }) => {
    const value = variable === undefined ? undefined : context.env[variable]
    if (value === undefined || value === '') return []
    return [`${name}: ${openKinds.has(kind) ? `${value} ` : ''}($${variable})`]
  })
}
