import { literal, stringCode, textCode } from './code.ts'
import type { Expression } from './just-expression.ts'
import type { Insert } from './model.ts'

/** What names mean where an expression stands. */
export type Scope = {
  /** The value of a variable or parameter; undefined for an unknown one. */
  name(name: string): Insert | undefined
  /** Told of what has no counterpart. */
  lost(why: string, what: string): void
}

const shapeOf = (value: string): Insert['shape'] =>
  value !== '' && /^[\w./:=@%+,^~-]+$/.test(value) ? 'word' : /^[\w./:=@%+,^~ -]*$/.test(value) ? 'words' : 'text'

/** The JavaScript of an expression. */
export function expressionCode(expression: Expression, scope: Scope): Insert {
  const code = (one: Expression): string => {
    const { code: text, shape } = expressionCode(one, scope)
    return shape === 'list' ? `${text}.join(' ')` : text
  }
  switch (expression.kind) {
    case 'string':
      return { code: literal(expression.value), shape: shapeOf(expression.value) }
    case 'command':
      return { code: `output(${literal(expression.value)})`, shape: 'loose' }
    case 'name': {
      const found = scope.name(expression.name) ?? colors[expression.name]
      if (found) return found
      scope.lost('an unknown name', expression.name)
      return { code: `unsupported(${literal(expression.name)})`, shape: 'text' }
    }
    case 'binary':
      return binary(expression, scope)
    case 'if': {
      const { left, operator, right } = expression
      const test = operator.endsWith('~')
        ? `${operator === '!~' ? '!' : ''}new RegExp(${code(right)}).test(${code(left)})`
        : `${code(left)} ${operator}= ${code(right)}`
      return { code: `(${test} ? ${code(expression.then)} : ${code(expression.else)})`, shape: 'loose' }
    }
    case 'call':
      return call(expression.name, expression.args.map(code), scope)
  }
}

function binary(expression: Binary, scope: Scope): Insert {
  if (expression.operator !== '+' && expression.operator !== '/') {
    const code = (one: Expression) => textCode(expressionCode(one, scope))
    return { code: `(${code(expression.left)} ${expression.operator} ${code(expression.right)})`, shape: 'loose' }
  }
  const parts = concatenated(expression, scope)
  const isWord = parts.every((part) => (typeof part === 'string' ? shapeOf(part) === 'word' : part.shape === 'word'))
  return { code: stringCode([...parts, '']), shape: isWord ? 'word' : 'loose' }
}

type Binary = Extract<Expression, { kind: 'binary' }>

/** The parts of a text that `+` and `/` put together. */
function concatenated(expression: Expression, scope: Scope): (string | Insert)[] {
  if (expression.kind === 'string') return [expression.value]
  if (expression.kind !== 'binary' || (expression.operator !== '+' && expression.operator !== '/')) {
    return [expressionCode(expression, scope)]
  }
  const { left, right, operator } = expression
  return [...concatenated(left, scope), ...(operator === '/' ? ['/'] : []), ...concatenated(right, scope)]
}

/** Functions by name: their code from that of their arguments. */
const functions: Readonly<Record<string, (...args: string[]) => string>> = {
  env: (name = "''", preset) => environment(name, preset),
  env_var: (name = "''") => environment(name),
  env_var_or_default: (name = "''", preset) => environment(name, preset),
  os: () => "(process.platform === 'darwin' ? 'macos' : process.platform)",
  os_family: () => "(process.platform === 'win32' ? 'windows' : 'unix')",
  arch: () => "({ x64: 'x86_64', arm64: 'aarch64' } as Record<string, string>)[process.arch] ?? process.arch",
  num_cpus: () => 'String(availableParallelism())',
  justfile_directory: () => 'import.meta.dirname',
  justfile_dir: () => 'import.meta.dirname',
  source_directory: () => 'import.meta.dirname',
  source_dir: () => 'import.meta.dirname',
  invocation_directory: () => 'process.cwd()',
  invocation_dir: () => 'process.cwd()',
  invocation_directory_native: () => 'process.cwd()',
  home_directory: () => 'homedir()',
  home_dir: () => 'homedir()',
  uppercase: (value) => `${value}.toUpperCase()`,
  lowercase: (value) => `${value}.toLowerCase()`,
  capitalize: (value) => `${value}.replace(/^./, (letter) => letter.toUpperCase())`,
  trim: (value) => `${value}.trim()`,
  trim_start: (value) => `${value}.trimStart()`,
  trim_end: (value) => `${value}.trimEnd()`,
  trim_start_match: (value, part) => `(${value}.startsWith(${part}) ? ${value}.slice(${part}.length) : ${value})`,
  trim_end_match: (value, part) => `(${value}.endsWith(${part}) ? ${value}.slice(0, -${part}.length) : ${value})`,
  replace: (value, from, to) => `${value}.replaceAll(${from}, ${to})`,
  replace_regex: (value, from, to) => `${value}.replace(new RegExp(${from}, 'g'), ${to})`,
  file_name: (path) => `basename(${path})`,
  file_stem: (path) => `basename(${path}, extname(${path}))`,
  extension: (path) => `extname(${path}).slice(1)`,
  parent_directory: (path) => `dirname(${path})`,
  parent_dir: (path) => `dirname(${path})`,
  without_extension: (path) => `${path}.replace(/\\.[^./]+$/, '')`,
  absolute_path: (path) => `resolve(import.meta.dirname, ${path})`,
  join: (...paths) => `[${paths.join(', ')}].join('/')`,
  path_exists: (path) => `String(existsSync(resolve(import.meta.dirname, ${path})))`,
  quote: (value) => `\`'\${${value}.replaceAll("'", "'\\\\''")}'\``,
  uuid: () => 'randomUUID()',
  sha256: (value) => `createHash('sha256').update(${value}).digest('hex')`,
  sha256_file: (path) =>
    `createHash('sha256').update(readFileSync(resolve(import.meta.dirname, ${path}))).digest('hex')`,
  read: (path) => `readFileSync(resolve(import.meta.dirname, ${path}), 'utf8')`,
  shell: (command) => `output(${command})`,
  error: (message) => `failWith(${message})`,
  require: (program) => `output(\`command -v \${${program}}\`)`,
  which: (program) => `output(\`command -v \${${program}} || true\`)`,
  append: (suffix, value) => `words(${value}).map((word) => word + ${suffix}).join(' ')`,
  prepend: (prefix, value) => `words(${value}).map((word) => ${prefix} + word).join(' ')`,
  just_executable: () => "'just'",
}

const environment = (name: string, preset?: string): string => {
  const plain = /^'([A-Za-z_]\w*)'$/.exec(name)?.[1]
  const value = plain === undefined ? `process.env[${name}]` : `process.env.${plain}`
  const said = `failWith(\`the environment variable \${${name}} is not set\`)`
  return `(${value} ?? ${preset ?? said})`
}

function call(name: string, args: string[], scope: Scope): Insert {
  const make = Object.hasOwn(functions, name) ? functions[name] : undefined
  if (!make || (name === 'shell' && args.length > 1)) {
    scope.lost('a function without a counterpart', `${name}(…)`)
    return { code: `unsupported(${literal(`${name}(…)`)})`, shape: 'text' }
  }
  const isQuoted = name === 'quote'
  return {
    code: make(...args),
    shape: isQuoted ? 'text' : /directory|_dir$|os|arch|cpus|path|uuid|sha256/.test(name) ? 'word' : 'loose',
  }
}

/** Names that just defines by itself (https://just.systems/man/en/constants.html). */
const colors: Readonly<Record<string, Insert>> = Object.fromEntries(
  Object.entries({
    NORMAL: '0',
    BOLD: '1',
    ITALIC: '3',
    UNDERLINE: '4',
    INVERT: '7',
    HIDE: '8',
    STRIKETHROUGH: '9',
    BLACK: '30',
    RED: '31',
    GREEN: '32',
    YELLOW: '33',
    BLUE: '34',
    MAGENTA: '35',
    CYAN: '36',
    WHITE: '37',
  }).map(([name, number]) => [name, { code: `'\\u001B[${number}m'`, shape: 'text' as const }]),
)

/** Whether making the value of an expression starts a command or may fail: then it is made when it is asked for. */
export function isCostly(expression: Expression, isCostlyName: (name: string) => boolean): boolean {
  const inner = (one: Expression) => isCostly(one, isCostlyName)
  switch (expression.kind) {
    case 'string':
      return false
    case 'command':
      return true
    case 'name':
      return isCostlyName(expression.name)
    case 'binary':
      return inner(expression.left) || inner(expression.right)
    case 'if':
      return [expression.left, expression.right, expression.then, expression.else].some(inner)
    case 'call': {
      const known = ['shell', 'error', 'require', 'which', 'read', 'sha256_file', 'uuid'].includes(expression.name)
      const mayFail = /^env(_var)?$/.test(expression.name) && expression.args.length === 1
      return known || mayFail || !Object.hasOwn(functions, expression.name) || expression.args.some(inner)
    }
  }
}

/** The names that an expression reads. */
export function namesIn(expression: Expression): string[] {
  switch (expression.kind) {
    case 'name':
      return [expression.name]
    case 'binary':
      return [...namesIn(expression.left), ...namesIn(expression.right)]
    case 'if':
      return [expression.left, expression.right, expression.then, expression.else].flatMap(namesIn)
    case 'call':
      return expression.args.flatMap(namesIn)
    default:
      return []
  }
}
