import type { ArgumentSummary, TaskSummary } from '../task/summary.ts'

/** The usage line of a task: `usage: task deploy [options] <environment> [<names>…]`. Ends with a line break. */
export function usageLine({ name, arguments: all, commands, defaultCommand }: TaskSummary): string {
  if (commands.length > 0) {
    const command = defaultCommand === undefined ? '<command>' : '[<command>]'
    return `usage: task ${name} ${command} [arguments]\n`
  }
  const options = all.filter(({ positional }) => !positional)
  const needed = options.filter(({ required }) => required).map((option) => `--${option.name} ${placeholder(option)}`)
  const words = [
    'usage: task',
    name,
    ...(options.length > needed.length ? ['[options]'] : []),
    ...needed,
    ...all.filter(({ positional }) => positional).map(positionalText),
  ]
  return `${words.join(' ')}\n`
}

/** What stands for a value: `<beta|stable>`, `<duration>`. */
export const placeholder = ({ kind, choices }: ArgumentSummary): string => `<${choices ? choices.join('|') : kind}>`

/** `<environment>`, `[<names>…]`. */
export function positionalText({ name, required, repeated }: ArgumentSummary): string {
  const text = `<${name}>${repeated ? '…' : ''}`
  return required ? text : `[${text}]`
}

/** `-n, --dry-run`, `    --channel <beta|stable>`, `    --[no-]color`. */
export function optionText(option: ArgumentSummary): string {
  const letters = [...option.aliases, option.name].filter((alias) => alias.length === 1).map((alias) => `-${alias}`)
  const others = option.aliases.filter((alias) => alias.length > 1).map((alias) => `--${alias}`)
  const long = option.kind === 'flag' && option.default === 'true' ? `--[no-]${option.name}` : `--${option.name}`
  const value =
    option.kind === 'flag'
      ? ''
      : option.bare === undefined
        ? ` ${placeholder(option)}${option.repeated ? '…' : ''}`
        : `[=${(option.choices ?? []).filter((one) => one !== option.bare).join('|')}]`
  const short = letters.length === 0 ? '    ' : `${letters.join(', ')}, `
  return `${short}${[long, ...others].join(', ')}${value}`
}

/** What is said of an argument: its description, its default, its environment variable. */
export function argumentNote(argument: ArgumentSummary): string {
  const { description, default: preset, variable, kind, required, positional } = argument
  const facts = [
    required && !positional ? 'required' : undefined,
    preset === undefined || kind === 'flag' ? undefined : `default ${preset}`,
    variable === undefined ? undefined : `or $${variable}`,
  ].filter((fact) => fact !== undefined)
  return [description, facts.length > 0 ? `(${facts.join(', ')})` : undefined].filter(Boolean).join(' ')
}

/** Lines of two columns, the first one padded to the longest of all. */
export function columns(rows: readonly (readonly [string, string])[], indent = '  '): string {
  const width = Math.max(0, ...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `${`${indent}${left.padEnd(width)}  ${right}`.trimEnd()}\n`).join('')
}
