import type { Insert, Parts } from './model.ts'

/** A JavaScript string literal: in single quotes, or a template where it has line breaks or quotes. */
export function literal(text: string): string {
  if (!/[\n\r\u2028\u2029]/.test(text)) {
    const escaped = text.replace(/\\/g, '\\\\')
    if (!text.includes("'")) return `'${escaped}'`
    if (!text.includes('"')) return `"${escaped}"`
  }
  return `\`${templateText(text)}\``
}

/** Text as it stands in a template literal. */
export const templateText = (text: string): string =>
  text.replace(/[\\`]|\$(?=\{)/g, (character) => `\\${character}`).replace(/\r/g, '\\r')

/** A string expression of text and values: a literal when there are none, the value alone when it is all. */
export function stringCode(parts: Parts): string {
  const all = merged(parts)
  if (all.every((part) => typeof part === 'string')) return literal(all.join(''))
  const [only] = all
  if (all.length === 1 && only !== undefined && typeof only !== 'string') return textCode(only)
  return `\`${all.map((part) => (typeof part === 'string' ? templateText(part) : `\${${textCode(part)}}`)).join('')}\``
}

/** A value as a string. */
export const textCode = ({ code, shape }: Insert): string => (shape === 'list' ? `${code}.join(' ')` : code)

/** The same parts with neighbouring texts joined. */
export function merged(parts: Parts): (string | Insert)[] {
  const all: (string | Insert)[] = []
  for (const part of parts) {
    const last = all.at(-1)
    if (typeof part === 'string' && typeof last === 'string') all[all.length - 1] = last + part
    else if (part !== '') all.push(part)
  }
  return all
}

/** Whether a name can stand in an object or behind a dot without quotes. */
export const isIdentifier = (name: string): boolean => /^[A-Za-z_$][\w$]*$/.test(name)

/** A key of an object literal. */
export const keyCode = (name: string): string => (isIdentifier(name) ? name : literal(name))

/** `args.name`, `args['odd name']`. */
export const memberCode = (object: string, name: string): string =>
  isIdentifier(name) ? `${object}.${name}` : `${object}[${literal(name)}]`

/** `IMAGE_TAG`, `image-tag`, `image_tag` → `imageTag`. */
export function camelCase(name: string): string {
  const parts = name.split(/[^A-Za-z0-9]+/).filter((part) => part !== '')
  const words = parts.map((part) => (part === part.toUpperCase() ? part.toLowerCase() : part))
  const joined = words
    .map((word, index) => (index === 0 ? word[0]?.toLowerCase() : word[0]?.toUpperCase()) + word.slice(1))
    .join('')
  return joined === '' ? 'value' : /^\d/.test(joined) ? `_${joined}` : joined
}

const reserved = new Set(
  `await break case catch class const continue debugger default delete do else enum export extends false finally for function if
implements import in instanceof interface let new null package private protected public return static super switch this throw true try
typeof var void while with yield undefined NaN Infinity arguments eval process Object String Array Promise Error globalThis
task text flag choice number path duration run args needs log step signal ask name tasks conceal invocation workspaceFolder own exported output failWith patsubst wildcard matching unsupported environmentFile
sh words shell once join existsSync spawnSync basename dirname platform arch cpus homedir make just item result`.split(
    /\s+/,
  ),
)

/** Gives every task and constant an identifier of its own. */
export class Identifiers {
  readonly #taken = new Set<string>(reserved)
  readonly #tasks = new Map<string, string>()
  readonly #constants = new Map<string, string>()

  /** The identifier of a task; the same for the same name. */
  task(name: string): string {
    const known = this.#tasks.get(name)
    if (known !== undefined) return known
    // `task help` shows the help of the others.
    const plain = name === 'help' ? 'showHelp' : isIdentifier(name) ? name : camelCase(name)
    const made = this.#free(plain, `${plain}Task`)
    this.#tasks.set(name, made)
    return made
  }

  /** The identifier of a variable of the source. */
  constant(name: string): string {
    const known = this.#constants.get(name)
    if (known !== undefined) return known
    const plain = isIdentifier(name) ? name : camelCase(name)
    const made = this.#free(plain, `${plain}Value`)
    this.#constants.set(name, made)
    return made
  }

  #free(wanted: string, second: string): string {
    let made = this.#taken.has(wanted) ? second : wanted
    for (let count = 2; this.#taken.has(made); count += 1) made = `${second}${count}`
    this.#taken.add(made)
    return made
  }
}

/** A member of an object literal; short where the value is the name. */
export const entryCode = (name: string, code: string): string =>
  name === code && isIdentifier(name) ? name : `${keyCode(name)}: ${code}`
