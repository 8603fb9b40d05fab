import { outside, ruleColon, withoutComment } from './make-text.ts'
import type { Loss, ReadBeside } from './model.ts'

/** `ifeq (a,b)`, `ifdef NAME`; `negated` in the part behind `else`, and for `ifneq` and `ifndef`. */
export type Condition =
  | { kind: 'equal'; left: string; right: string; negated: boolean }
  | { kind: 'defined'; name: string; negated: boolean }

/** Where something stands, and what has to hold for it. */
type Placed = { line: number; file: string; conditions: readonly Condition[] }

/** `NAME := value`; `target` for one that holds for a target alone. */
export type Assignment = Placed & {
  name: string
  flavor: '=' | ':=' | '?=' | '+=' | '!='
  value: string
  exported: boolean
  target?: string
}

/** A line of a recipe, as it is written behind the tab; it goes on over lines that end with a backslash. */
export type RecipeLine = Placed & { text: string }

/** A rule. Texts are not yet expanded. */
export type Rule = Placed & {
  targets: string
  /** Of a static pattern rule: the pattern of its targets. */
  pattern?: string
  prerequisites: string
  orderOnly: string
  doubleColon: boolean
  recipe: RecipeLine[]
  /** Comment lines directly above, or behind `##`. */
  comment?: string
}

/** A makefile as it is written. */
export type Makefile = {
  assignments: Assignment[]
  rules: Rule[]
  exports: string[]
  exportsAll: boolean
  losses: Loss[]
}

/** Parses a makefile and what it includes. https://www.gnu.org/software/make/manual/make.html */
export function parseMakefile(content: string, source: string, beside: ReadBeside): Makefile {
  const found: Makefile = { assignments: [], rules: [], exports: [], exportsAll: false, losses: [] }
  new Reader(found, source, beside, []).read(content)
  return found
}

class Reader {
  readonly #found: Makefile
  readonly #file: string
  readonly #beside: ReadBeside
  readonly #above: readonly string[]
  readonly #conditions: Condition[][] = []
  #rule: Rule | undefined
  #comments: string[] = []
  #prefix = '\t'

  constructor(found: Makefile, file: string, beside: ReadBeside, above: readonly string[]) {
    this.#found = found
    this.#file = file
    this.#beside = beside
    this.#above = above
  }

  read(content: string): void {
    const lines = content.replace(/\r\n/g, '\n').split('\n')
    for (let at = 0; at < lines.length; at += 1) {
      const line = at + 1
      let text = lines[at] as string
      while (/(^|[^\\])(\\\\)*\\$/.test(text) && at + 1 < lines.length) {
        at += 1
        text += `\n${lines[at]}`
      }
      if (text.startsWith(this.#prefix) && this.#rule) {
        this.#rule.recipe.push({ ...this.#place(line), text: text.slice(1).replaceAll(`\n${this.#prefix}`, '\n') })
        continue
      }
      const define = /^\s*(?:override\s+|export\s+)*define\s+([^\s:+?=]+)\s*([:+?]?=)?\s*$/.exec(text)
      if (define) {
        const end = lines.findIndex((one, index) => index > at && /^\s*endef\s*(#.*)?$/.test(one))
        const last = end < 0 ? lines.length : end
        const value = lines
          .slice(at + 1, last)
          .map((one) => one.replace(/^\t/, ''))
          .join('\n')
        this.#found.assignments.push({
          ...this.#place(line),
          name: define[1] as string,
          flavor: '=',
          value,
          exported: false,
        })
        at = last
        continue
      }
      this.#statement(text.replace(/[ \t]*\\\n[ \t]*/g, ' '), line)
    }
  }

  #place(line: number): Placed {
    return { line, file: this.#file, conditions: this.#conditions.flat() }
  }

  #lose(line: number, what: string, why: string): void {
    this.#found.losses.push({ line, file: this.#file, what, why })
  }

  #statement(whole: string, line: number): void {
    if (whole.trim() === '') {
      this.#comments = []
      return
    }
    if (whole.startsWith('#')) {
      this.#comments.push(whole.replace(/^#+ ?/, ''))
      return
    }
    const { text, comment } = withoutComment(whole)
    if (this.#directive(text.trim(), line)) return
    const assignment =
      /^\s*((?:(?:override|export|private)\s+)*)([^\s:#=+?!$()]+|\$\([^)]*\))\s*(\?=|\+=|!=|:::=|::=|:=|=)\s*([\s\S]*)$/.exec(
        text,
      )
    if (assignment) {
      this.#rule = undefined
      const [, words = '', name = '', operator = '', value = ''] = assignment
      this.#assign(name, operator, value, /export/.test(words), line)
      return
    }
    const colon = ruleColon(text)
    if (colon < 0) {
      if (text.trim() !== '') this.#lose(line, text.trim(), 'a line that is neither a rule nor a variable')
      return
    }
    this.#readRule(text, colon, line, comment)
  }

  #assign(name: string, operator: string, value: string, exported: boolean, line: number, target?: string): void {
    if (name === '.RECIPEPREFIX') this.#prefix = value[0] ?? '\t'
    const flavor = (operator.startsWith('::') ? ':=' : operator) as Assignment['flavor']
    this.#found.assignments.push({
      ...this.#place(line),
      name,
      flavor,
      value: value.trimEnd(),
      exported,
      ...(target === undefined ? {} : { target }),
    })
  }

  #readRule(text: string, colon: number, line: number, comment: string | undefined): void {
    const targets = text.slice(0, colon).replace(/&$/, '').trim()
    const doubleColon = text[colon + 1] === ':'
    let rest = text.slice(colon + (doubleColon ? 2 : 1))
    const own = /^\s*((?:(?:export|override|private)\s+)*)([^\s:#=+?!$()]+)\s*(\?=|\+=|!=|::=|:=|=)\s*([\s\S]*)$/.exec(
      rest,
    )
    if (own) {
      for (const target of targets.split(/\s+/))
        this.#assign(own[2] as string, own[3] as string, own[4] as string, /export/.test(own[1] ?? ''), line, target)
      return
    }
    const semicolon = outside(rest, ';')
    const inline = semicolon < 0 ? undefined : rest.slice(semicolon + 1).trim()
    if (semicolon >= 0) rest = rest.slice(0, semicolon)
    const second = ruleColon(rest)
    const pattern = second < 0 ? undefined : rest.slice(0, second).trim()
    if (second >= 0) rest = rest.slice(second + 1)
    const bar = outside(rest, '|')
    const help = comment?.startsWith('#') ? comment.replace(/^#+ ?/, '').trim() : undefined
    const above = this.#comments.join(' ').trim()
    this.#rule = {
      ...this.#place(line),
      targets,
      ...(pattern === undefined ? {} : { pattern }),
      prerequisites: (bar < 0 ? rest : rest.slice(0, bar)).trim(),
      orderOnly: bar < 0 ? '' : rest.slice(bar + 1).trim(),
      doubleColon,
      recipe: inline === undefined ? [] : [{ ...this.#place(line), text: inline }],
      ...(help || above ? { comment: help || above } : {}),
    }
    this.#comments = []
    this.#found.rules.push(this.#rule)
  }

  /** Directives; true when the line is one. */
  #directive(text: string, line: number): boolean {
    const [, word = '', rest = ''] = /^(-?[a-z]+)\b\s*([\s\S]*)$/.exec(text) ?? []
    switch (word) {
      case 'ifeq':
      case 'ifneq': {
        const sides = /^\((.*),([^,]*)\)$/s.exec(rest) ?? /^["'](.*?)["']\s+["'](.*?)["']$/s.exec(rest)
        if (!sides) this.#lose(line, text, 'a condition that cannot be read; taken as true')
        this.#conditions.push(
          sides
            ? [
                {
                  kind: 'equal',
                  left: sides[1]?.trim() ?? '',
                  right: sides[2]?.trim() ?? '',
                  negated: word === 'ifneq',
                },
              ]
            : [],
        )
        return true
      }
      case 'ifdef':
      case 'ifndef':
        this.#conditions.push([{ kind: 'defined', name: rest.trim(), negated: word === 'ifndef' }])
        return true
      case 'else': {
        const top = this.#conditions.pop() ?? []
        const last = top.at(-1)
        const negated = last ? [...top.slice(0, -1), { ...last, negated: !last.negated }] : []
        this.#conditions.push(negated)
        if (rest.trim() === '') return true
        this.#directive(rest, line)
        const inner = this.#conditions.pop() ?? []
        this.#conditions.pop()
        this.#conditions.push([...negated, ...inner])
        return true
      }
      case 'endif':
        this.#conditions.pop()
        return true
      case 'export':
      case 'unexport':
        if (/[:+?]?=/.test(rest)) return false
        if (word === 'unexport')
          this.#found.exports = this.#found.exports.filter((name) => !rest.split(/\s+/).includes(name))
        else if (rest.trim() === '') this.#found.exportsAll = true
        else this.#found.exports.push(...rest.trim().split(/\s+/))
        return true
      case 'include':
      case '-include':
      case 'sinclude':
        if (/^[:=]/.test(rest)) return false
        for (const path of rest.trim().split(/\s+/)) this.#include(path, word === 'include', line)
        return true
      case 'vpath':
      case 'undefine':
      case 'load':
        this.#lose(line, text, 'a directive without a counterpart')
        return true
      default:
        if (/^\$\((info|warning|error|eval)\b/.test(text)) {
          this.#lose(line, text, 'runs while the makefile is read')
          return true
        }
        return false
    }
  }

  #include(path: string, isRequired: boolean, line: number): void {
    const content = path.includes('$') || this.#above.includes(path) ? undefined : this.#beside(path)
    // A file of variables for the shell, `.env`, has the form of assignments.
    if (content !== undefined) new Reader(this.#found, path, this.#beside, [...this.#above, path]).read(content)
    else if (isRequired || path.includes('$')) this.#lose(line, `include ${path}`, 'the included file cannot be read')
  }
}
