/** A part of a text with references. `mark` says which `${` of the text it is, counted from 0. */
export type TemplatePart = string | { reference: string; mark: number; fallback?: TemplatePart[] }

/** A mistake in a text with references; `mark` as in the parts. */
export type TemplateMistake = { mark: number; message: string }

const referencePattern = /^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z0-9_-]+)*$/

/**
 * Reads a text with references: `${NAME}`, `${NAME:-text when it has no value}` (the text may hold references), `$$` for one `$`. A `$` before
 * anything else stands for itself. Returns the parts and every mistake.
 */
export function parseTemplate(text: string): { parts: TemplatePart[]; mistakes: TemplateMistake[] } {
  const mistakes: TemplateMistake[] = []
  let at = 0

  const markAt = (position: number): number => text.slice(0, position).split('${').length - 1

  function parts(inside: boolean): TemplatePart[] {
    const found: TemplatePart[] = []
    let plain = ''
    const add = (part: TemplatePart) => {
      if (plain !== '') found.push(plain)
      plain = ''
      found.push(part)
    }
    while (at < text.length && !(inside && text[at] === '}')) {
      if (text.startsWith('$$', at)) {
        plain += '$'
        at += 2
      } else if (text.startsWith('${', at)) {
        const part = reference()
        if (part) add(part)
      } else {
        plain += text[at]
        at += 1
      }
    }
    if (plain !== '') found.push(plain)
    return found
  }

  function reference(): TemplatePart | undefined {
    const mark = markAt(at)
    at += 2
    const name = /^[^}:$]*/.exec(text.slice(at))?.[0] ?? ''
    at += name.length
    const fallback = text.startsWith(':-', at) ? fallbackParts() : undefined
    if (text[at] !== '}') {
      const unclosed = text.indexOf('}', at) < 0
      mistakes.push({
        mark,
        message: unclosed ? 'a `${` without its `}`' : `\`\${${name}\` is followed by \`${text[at]}\``,
      })
      at = unclosed ? text.length : text.indexOf('}', at) + 1
      return undefined
    }
    at += 1
    if (!referencePattern.test(name)) {
      mistakes.push({ mark, message: `\`\${${name}}\` names nothing that can be referred to` })
      return undefined
    }
    return { reference: name, mark, ...(fallback && { fallback }) }
  }

  function fallbackParts(): TemplatePart[] {
    at += 2
    return parts(true)
  }

  return { parts: parts(false), mistakes }
}
