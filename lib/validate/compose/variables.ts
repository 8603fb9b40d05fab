/** A variable in a text of a Compose file. `guarded`: the text says what to take where it has no value. */
export type ComposeVariable = { name: string; guarded: boolean }

/** The variables in a text of a Compose file, those in fallbacks included: `$NAME`, `${NAME}`, `${NAME:-text}`, `:?`, `:+` and the like; `$$` is a `$`. */
export function variablesIn(text: string): ComposeVariable[] {
  const found: ComposeVariable[] = []
  interpolate(text, (name, guarded) => {
    found.push({ name, guarded })
    return undefined
  })
  return found
}

/** Fills in the variables of a text as Compose does. A variable that `lookUp` does not know is empty, or its fallback. */
export function interpolate(text: string, lookUp: (name: string, guarded: boolean) => string | undefined): string {
  let result = ''
  for (let at = 0; at < text.length; ) {
    const dollar = text.indexOf('$', at)
    if (dollar < 0) return result + text.slice(at)
    result += text.slice(at, dollar)
    const plain = /^\$([A-Za-z_]\w*)/.exec(text.slice(dollar))
    if (text[dollar + 1] === '$') {
      result += '$'
      at = dollar + 2
    } else if (plain) {
      result += lookUp(plain[1] as string, false) ?? ''
      at = dollar + plain[0].length
    } else if (text[dollar + 1] === '{') {
      const end = closingBrace(text, dollar + 2)
      result += braced(text.slice(dollar + 2, end), lookUp)
      at = end + 1
    } else {
      result += '$'
      at = dollar + 1
    }
  }
  return result
}

function braced(inside: string, lookUp: (name: string, guarded: boolean) => string | undefined): string {
  const [, name = '', operator = '', rest = ''] = /^([A-Za-z_]\w*)(:?[-?+])?([\s\S]*)$/.exec(inside) ?? []
  if (name === '') return ''
  const value = lookUp(name, operator !== '' && !operator.endsWith('?'))
  const given = operator.startsWith(':') ? value !== undefined && value !== '' : value !== undefined
  // Names in a fallback that is not taken are named all the same: who asks for all names gets them.
  const fallback = operator === '' || operator.endsWith('?') ? '' : interpolate(rest, (inner) => lookUp(inner, true))
  if (operator.endsWith('+')) return given ? fallback : ''
  return given ? (value as string) : fallback
}

function closingBrace(text: string, from: number): number {
  for (let at = from, depth = 1; at < text.length; at += 1) {
    if (text.startsWith('${', at)) depth += 1
    if (text[at] === '}') depth -= 1
    if (depth === 0) return at
  }
  return text.length
}
