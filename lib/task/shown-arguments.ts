import { type ArgumentSpecification, type Arguments, kebabCase } from './arguments.ts'
import { mayShow } from './fingerprint/variables.ts'
import type { TaskRequest } from './graph.ts'

/** What stands in place of a value that is not shown. */
export const concealed = '…'

/**
 * Whether an argument's value may be shown (in plans, labels, records, messages). Not when it may come from an environment variable, which is often a
 * secret, and not a text that is called like one (`token`, `dbPassword`), by whatever way it came.
 */
export const mayShowArgument = (key: string, specification: ArgumentSpecification | undefined): boolean =>
  specification?.variable === undefined && !isCalledSecret(key, specification)

/** Whether an argument is a text that is called like a secret. */
export function isCalledSecret(key: string, specification: ArgumentSpecification | undefined): boolean {
  const { kind = 'text', choices } = specification ?? {}
  return kind === 'text' && choices === undefined && !mayShow(key)
}

/** The words of a command line with `…` in place of the values of arguments that are called like a secret. */
export function shownWords(words: readonly string[], requests: readonly TaskRequest[]): readonly string[] {
  const texts = new Set<string>()
  const flags = new Set<string>()
  for (const { task, values } of requests) {
    for (const [key, { specification }] of Object.entries((task.definition.args ?? {}) as Arguments)) {
      const { variable = key, aliases } = specification
      if (!isCalledSecret(key, specification) && !isCalledSecret(variable, specification)) continue
      for (const name of [key, kebabCase(key), ...aliases]) flags.add(name.length === 1 ? `-${name}` : `--${name}`)
      for (const text of [values[key]].flat().flatMap(typedText)) texts.add(text)
    }
  }
  if (flags.size === 0) return words
  return words.map((word, at) => {
    if (texts.has(word) || flags.has(words[at - 1] ?? '')) return concealed
    const equals = word.indexOf('=')
    if (word.startsWith('-') && equals > 0 && flags.has(word.slice(0, equals)))
      return word.slice(0, equals + 1) + concealed
    const isShort = /^-[^-]/.test(word) && flags.has(word.slice(0, 2)) && word.length > 2
    return isShort ? word.slice(0, 2) + concealed : word
  })
}

/** How a value was typed, as far as that can be told. */
function typedText(value: unknown): string[] {
  const { reveal } = (value ?? {}) as { reveal?: unknown }
  const text: unknown = typeof reveal === 'function' ? reveal.call(value) : value
  return typeof text === 'string' && text !== '' ? [text] : []
}
