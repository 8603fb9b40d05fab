/** Cuts a comment off; `\#` is a number sign. */
export function withoutComment(text: string): { text: string; comment?: string } {
  for (let at = text.indexOf('#'); at >= 0; at = text.indexOf('#', at + 1)) {
    if (text[at - 1] === '\\') continue
    if (depthAt(text, at) > 0) continue
    return { text: text.slice(0, at).replaceAll('\\#', '#'), comment: text.slice(at + 1) }
  }
  return { text: text.replaceAll('\\#', '#') }
}

function depthAt(text: string, end: number): number {
  let depth = 0
  for (let at = 0; at < end; at += 1) {
    if (text[at] === '$' && /[({]/.test(text[at + 1] ?? '')) {
      depth += 1
      at += 1
    } else if (depth > 0 && /[({]/.test(text[at] as string)) depth += 1
    else if (depth > 0 && /[)}]/.test(text[at] as string)) depth -= 1
  }
  return depth
}

/** The first place of a character outside of `$( )`. */
export function outside(text: string, character: string): number {
  for (let at = text.indexOf(character); at >= 0; at = text.indexOf(character, at + 1)) {
    if (depthAt(text, at) === 0) return at
  }
  return -1
}

/** The colon between targets and prerequisites; that of `:=` is none. */
export function ruleColon(text: string): number {
  const at = outside(text, ':')
  return at < 0 || text[at + 1] === '=' || text.slice(at, at + 3) === '::=' ? -1 : at
}

/** A path's folder, `.` for none, and its last part: `$(@D)` and `$(@F)`. */
export function splitPath(path: string): [folder: string, base: string] {
  const at = path.lastIndexOf('/')
  return at < 0 ? ['.', path] : [path.slice(0, at) || '/', path.slice(at + 1)]
}
