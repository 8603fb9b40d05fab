import { literal, merged, stringCode, templateText, textCode } from './code.ts'
import type { Insert, Parts } from './model.ts'

/** How a line of shell is run by its source. */
export type LineOptions = {
  /** The program that takes the line behind `-c`, with its options, where it is not the draft's: `['bash', '-e']`. */
  shell?: readonly string[]
  /** The `$` that starts it; `$` by default. */
  dollar?: string
  /** Words that are added behind the line: code of an array. */
  rest?: string
  /** The script's `$1`, `$2` and so on: code of an array. */
  positional?: string
}

/**
 * The code that runs a line of shell: `` $`npm ci` `` where the line means there what it means to its own shell (simple commands, `&&`,
 * `||`, redirections), with each value as the words that it stands for; else its own shell with the line as one argument. Values that
 * users type reach a script as variables or positional arguments, never as a part of its code.
 */
export function lineCode(parts: Parts, options: LineOptions): string {
  const { dollar = '$' } = options
  const plain = plainTemplate(merged(parts))
  if (plain !== undefined) {
    return `${dollar}\`${plain}${options.rest === undefined ? '' : ` \${${options.rest}}`}\``
  }
  return scriptCode(parts, options)
}

/** The code that runs a whole script by its own shell. */
export function scriptCode(parts: Parts, { shell, dollar = '$', rest, positional }: LineOptions): string {
  const { text, variables, list } = scriptText(merged(rest === undefined ? parts : [...parts, ' "$@"']))
  const words = positional ?? list ?? rest
  const entries = Object.entries(variables).map(([name, code]) => (name === code ? name : `${name}: ${code}`))
  const given = [dollar, text]
  if (entries.length > 0 || shell || words !== undefined)
    given.push(entries.length > 0 ? `{ ${entries.join(', ')} }` : '{}')
  if (shell || words !== undefined) given.push(shell ? `[${shell.map(literal).join(', ')}]` : 'undefined')
  if (words !== undefined) given.push(`...${words}`)
  return `sh(${given.join(', ')})`
}

/** The helper that `scriptCode` calls; `shell` is that of most lines. */
export const shHelper = (
  shell: readonly string[],
): string => `/** Runs a script by its own shell; variables and words reach it as they are, never as a part of its code. */
const sh = ($: Shell, script: string, variables: Record<string, string> = {}, shell = [${shell.map(literal).join(', ')}], ...words: readonly string[]) =>
  $\`env \${Object.entries(variables).map(([name, value]) => \`\${name}=\${value}\`)} \${shell} -c \${script} \${shell[0]} \${words}\``

/** Splits at `&&` where the whole line is plain; undefined when it is not. */
export function plainChain(parts: Parts): Parts[] | undefined {
  const all = merged(parts)
  if (plainTemplate(all) === undefined) return undefined
  const chunks: (string | Insert)[][] = [[]]
  let quote = ''
  for (const part of all) {
    if (typeof part !== 'string') {
      chunks.at(-1)?.push(part)
      continue
    }
    let from = 0
    for (let at = 0; at < part.length; at += 1) {
      const character = part[at] as string
      if (quote !== '') {
        if (character === quote) quote = ''
      } else if (character === '"' || character === "'") quote = character
      else if (part.startsWith('||', at)) return undefined
      else if (part.startsWith('&&', at)) {
        chunks.at(-1)?.push(part.slice(from, at).trimEnd())
        chunks.push([])
        from = at + 2
        while (part[from] === ' ') from += 1
        at = from - 1
      }
    }
    chunks.at(-1)?.push(part.slice(from))
  }
  return chunks.map((chunk) => trimmed(chunk))
}

function trimmed(parts: (string | Insert)[]): Parts {
  const all = merged(parts)
  if (typeof all[0] === 'string') all[0] = all[0].trimStart()
  const last = all.length - 1
  if (typeof all[last] === 'string') all[last] = (all[last] as string).trimEnd()
  return merged(all)
}

const keywords =
  /^(if|then|else|elif|fi|for|while|until|do|done|case|esac|select|function|time|exec|trap|source|eval|coproc|set|shopt|exit|return|\{|\}|!|\[\[|\.)$/

/** The text of a `$` template that means the same, or undefined. */
function plainTemplate(parts: readonly (string | Insert)[]): string | undefined {
  let out = ''
  let quote: '' | '"' | "'" = ''
  let quoted: (string | Insert)[] = []
  let isCommandStart = true
  let word = ''
  let wordIsOnlyInsert = false
  const endWord = (): boolean => {
    if (word !== '' && isCommandStart) {
      if (keywords.test(word)) return false
      if (!/^\w+=/.test(word)) isCommandStart = false
    }
    word = ''
    return true
  }
  for (const [index, part] of parts.entries()) {
    if (typeof part !== 'string') {
      if (quote !== '') {
        quoted.push(part)
        continue
      }
      if (part.shape === 'text') return undefined
      let isAlone = false
      if (part.shape !== 'word') {
        const before = parts[index - 1]
        const after = parts[index + 1]
        const alone = (one: unknown, pattern: RegExp) =>
          one === undefined || (typeof one === 'string' && pattern.test(one))
        isAlone = alone(before, /(^|\s)$/) && alone(after, /^(\s|$)/)
        if (!isAlone && part.shape !== 'loose') return undefined
      }
      const isCut = isAlone && (part.shape === 'words' || part.shape === 'loose')
      out += isCut ? `\${words(${part.code})}` : `\${${part.code}}`
      word += 'x'
      wordIsOnlyInsert = true
      continue
    }
    for (let at = 0; at < part.length; at += 1) {
      const character = part[at] as string
      if (quote !== '') {
        if (character === quote) {
          out += quoted.some((one) => typeof one !== 'string')
            ? `\${${stringCode(quoted)}}`
            : templateText(`${quote}${quoted.join('')}${quote}`)
          quote = ''
          quoted = []
        } else if (quote === '"' && /[$`\\]/.test(character)) return undefined
        else quoted.push(character)
        continue
      }
      if (character === '"' || character === "'") {
        quote = character
        word += 'x'
        continue
      }
      if (/\s/.test(character)) {
        if (character === '\n' || !endWord()) return undefined
        out += character
        continue
      }
      const operator = /^(?:&&|\|\||[0-9]?>>?(?:&[0-9])?|<(?![<(]))/.exec(part.slice(at))?.[0]
      // A digit belongs to the redirection only at a word's beginning.
      if (operator !== undefined && (!/^\d/.test(operator) || word === '')) {
        if (!endWord()) return undefined
        if (operator === '&&' || operator === '||') isCommandStart = true
        out += operator
        at += operator.length - 1
        continue
      }
      if (!/[A-Za-z0-9_./:=@%+,^~*?-]/.test(character) && (character.codePointAt(0) as number) < 128) return undefined
      out += character
      word += character
    }
  }
  if (quote !== '' || !endWord()) return undefined
  // A line that is a value alone may be any code.
  if (wordIsOnlyInsert && parts.length === 1) return undefined
  return out
}

/** A script's code: its text with constants in place, and what users type as variables. */
function scriptText(parts: readonly (string | Insert)[]): {
  text: string
  variables: Record<string, string>
  list?: string
} {
  const variables: Record<string, string> = {}
  let list: string | undefined
  let quote: '' | '"' | "'" = ''
  const whole: (string | Insert)[] = []
  for (const part of parts) {
    if (typeof part === 'string') {
      quote = quoteAfter(part, quote)
      whole.push(part)
      continue
    }
    if (part.param === undefined) {
      whole.push(part)
      continue
    }
    if (part.shape === 'list') {
      list = part.code
      whole.push(quote === "'" ? `'"$*"'` : quote === '"' ? '$*' : '"$@"')
      continue
    }
    variables[part.param] = textCode(part)
    const before = whole.filter((one) => typeof one === 'string').join('')
    if (isUnquoted(before)) whole.push(`\${${part.param}}`)
    else {
      const bare = part.shape === 'word' ? `"$${part.param}"` : `$${part.param}`
      whole.push(quote === "'" ? `'"$${part.param}"'` : quote === '"' ? `\${${part.param}}` : bare)
    }
  }
  return { text: stringCode(whole), variables, ...(list === undefined ? {} : { list }) }
}

/** Whether a script stands in arithmetic or in a here-document, where quotes are characters like others. */
function isUnquoted(before: string): boolean {
  if (before.lastIndexOf('$((') > before.lastIndexOf('))')) return true
  const opened = [...before.matchAll(/<<-?\s*(\w+)[^\n]*\n/g)].at(-1)
  return opened !== undefined && !new RegExp(`\\n\\s*${opened[1]}\\s*\\n`).test(before.slice(opened.index))
}

function quoteAfter(text: string, before: '' | '"' | "'"): '' | '"' | "'" {
  let quote = before
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at] as string
    if (quote !== "'" && character === '\\') at += 1
    else if (quote !== '') {
      if (character === quote) quote = ''
    } else if (character === '"' || character === "'") quote = character
  }
  return quote
}
