import { type Identifiers, isIdentifier, keyCode, literal } from './code.ts'
import { helpers } from './helpers.ts'
import type { Draft, DraftTask, Loss } from './model.ts'
import { shHelper } from './shell-line.ts'

const builders = ['choice', 'flag', 'number', 'path', 'text'] as const

/** The text of a drafted Taskfile. */
export function renderDraft(draft: Draft, identifiers: Identifiers): string {
  const tasks = ordered(draft.tasks)
  const bodies = tasks.map((task) => taskCode(task, identifiers, draft))
  const exported = exportsCode(tasks, identifiers, draft.preset)
  const codeOf = (name: string): string | undefined => (name === 'sh' ? shHelper(draft.shell) : helpers[name]?.code)
  let used = [...draft.constants, ...bodies].join('\n')
  const added: string[] = []
  // A helper may use others.
  for (let again = true; again; ) {
    again = false
    for (const [name, { uses }] of Object.entries(helpers)) {
      if (added.includes(name) || !uses.test(used)) continue
      added.push(name)
      const code = codeOf(name)
      if (code !== undefined) used += `\n${code}`
      again = true
    }
  }
  const codes = Object.keys(helpers).flatMap((name) => (added.includes(name) ? (codeOf(name) ?? []) : []))
  const head = [
    `// Drafted from ${draft.source} by \`task import\`. Read it before you trust it, and then it is yours.`,
    ...draft.notes.map((note) => `// ${note}`),
    ...(tasks.some(({ name }) => name === 'help')
      ? ['// The task help is called show-help: `task help` shows the help of the others.']
      : []),
    ...lossComments(draft.losses, draft.source),
  ]
  return `${[[...head, ...importsCode(used, added)].join('\n'), ...codes, ...draft.constants, ...bodies, ...exported].join('\n\n')}\n`
}

function importsCode(used: string, added: readonly string[]): string[] {
  const modules = new Map<string, Set<string>>()
  for (const name of added) {
    for (const [module, imported] of helpers[name]?.imports ?? []) {
      modules.set(module, (modules.get(module) ?? new Set()).add(imported))
    }
  }
  const own = [...builders, 'task'].filter((name) => new RegExp(`(?<![\\w$.])${name}\\(`).test(used))
  const types = /: Shell\b/.test(used) ? ['type Shell'] : []
  const lines = [...modules].sort(([one], [other]) => (one < other ? -1 : 1))
  const all = [...own, ...types].sort((one, other) => plainName(one).localeCompare(plainName(other)))
  return [
    ...lines.map(([module, names]) => `import { ${[...names].sort().join(', ')} } from '${module}'`),
    ...(all.length === 0 ? ['export {}'] : [`import { ${all.join(', ')} } from 'vital-ops'`]),
  ]
}

const plainName = (name: string): string => name.replace('type ', '')

/** Losses as comments: `Makefile:12: why: what`. */
export const lossComments = (losses: readonly Loss[], source: string): string[] =>
  losses.map(
    ({ line, file, what, why }) => `// NOT CARRIED OVER ${file ?? source}:${line}: ${why}: ${what.split('\n')[0]}`,
  )

/** Without constants that nothing reads. */
function pruned(body: readonly string[]): readonly string[] {
  const kept = body.filter((code, index) => {
    const name = /^const (\w+) = /.exec(code)?.[1]
    return (
      name === undefined ||
      body.some((other, at) => at !== index && new RegExp(`(?<![\\w$.])${name}(?![\\w$])`).test(other))
    )
  })
  return kept.length === body.length ? kept : pruned(kept)
}

const ownFolder = /^cwd: join\(import\.meta\.dirname, ('[^']*')\)$/
const ownEnvironment = 'env: { ...process.env, ...exported() }'

/** The body's own `$` as members of the definition, where all its options have one. */
function withMembers(body: readonly string[], isFixed: boolean): Pick<DraftTask, 'body' | 'more'> {
  const at = body.findIndex((code) => code.startsWith('const own = '))
  const options = /^const own = \$\(\{ (.*) \}\)$/s.exec(body[at] ?? '')?.[1]
  if (options === undefined) return { body }
  const [folder, environment, ...rest] = options.startsWith('cwd') ? options.split(/, (?=env: )/) : [undefined, options]
  const path = folder === undefined ? undefined : ownFolder.exec(folder)?.[1]
  const isMember = environment === undefined || (environment === ownEnvironment && isFixed)
  if ((folder !== undefined && path === undefined) || !isMember || rest.length > 0) return { body }
  return {
    body: body.filter((_, index) => index !== at).map((code) => code.replace(/(await |sh\()own\b/g, '$1$')),
    more: [
      ...(path === undefined ? [] : [{ key: 'folder', code: path }]),
      ...(environment === undefined ? [] : [{ key: 'environment', code: 'exported()' }]),
    ],
  }
}

function taskCode(task: DraftTask, identifiers: Identifiers, draft: Draft): string {
  const { name, args = [], needs = [] } = task
  const { source } = draft
  // Values that a command makes are not made while the Taskfile is loaded.
  const exported = draft.constants.join('\n').match(/^const exported = .*$/m)?.[0] ?? ''
  const { body, more: members = [] } = withMembers(
    pruned(task.body),
    !/\w\(\)/.test(exported.slice('const exported = '.length)),
  )
  const more = [...(task.more ?? []), ...members]
  const id = identifiers.task(name)
  const text = body.join('\n')
  const context = [
    [/(?<![\w])\$[`(]|\bsh\(\$|\$\(\{|(?<![\w{])\$,/.test(text), '$'],
    [/(?:^|[^\w.]|\.\.\.)args\b/.test(text), 'args'],
    [/(?<![\w.])invocation\b/.test(text), 'invocation'],
    [/(?<![\w.])log\(/.test(text), 'log'],
    [/(?<![\w.])run\(/.test(text), 'run'],
  ].flatMap(([isUsed, word]) => (isUsed ? [word] : []))
  const lines = [
    ...(task.description ? [`description: ${literal(task.description)},`] : []),
    ...(task.group ? [`group: ${literal(task.group)},`] : []),
    ...(task.hidden ? ['hidden: true,'] : []),
    ...(task.aliases?.length ? [`aliases: [${task.aliases.map(literal).join(', ')}],`] : []),
    ...(args.length > 0
      ? [`args: {\n${args.map(({ key, code }) => `  ${keyCode(key)}: ${code},`).join('\n')}\n},`]
      : []),
    ...(needs.length > 0 ? [`needs: { ${needsCode(needs, identifiers)} },`] : []),
    ...(task.inputs?.length ? [`inputs: [${task.inputs.map(literal).join(', ')}],`] : []),
    ...(task.outputs?.length ? [`outputs: [${task.outputs.map(literal).join(', ')}],`] : []),
    ...(task.confirm ? [`confirm: ${task.confirm},`] : []),
    ...more.map(({ key, code }) => `${key}: ${code},`),
    body.length === 0
      ? 'run() {},'
      : `async run(${context.length === 0 ? '' : `{ ${context.join(', ')} }`}) {\n${indented(body)}\n},`,
  ]
  const isExported = isExportedAs(task, identifiers)
  return [
    ...lossComments(task.losses, source),
    `${isExported ? 'export ' : ''}const ${id} = task({\n${indented(lines)}\n})`,
  ].join('\n')
}

function needsCode(needs: NonNullable<DraftTask['needs']>, identifiers: Identifiers): string {
  const keys = new Set<string>()
  return needs
    .map(({ task, input }) => {
      const id = identifiers.task(task)
      let key = id
      for (let count = 2; keys.has(key); count += 1) key = `${id}${count}`
      keys.add(key)
      return input === undefined ? (key === id ? id : `${key}: ${id}`) : `${key}: ${id}.with(${input})`
    })
    .join(', ')
}

/** Lines two columns in; the inside of a template literal stays where it is, because its spaces count. */
function indented(blocks: readonly string[]): string {
  const out: string[] = []
  let inTemplate = false
  for (const line of blocks.join('\n').split('\n')) {
    out.push(inTemplate || line === '' ? line : `  ${line}`)
    inTemplate = templateAfter(line, inTemplate)
  }
  return out.join('\n')
}

function templateAfter(line: string, before: boolean): boolean {
  let inside = before
  let quote = ''
  for (let at = 0; at < line.length; at += 1) {
    const character = line[at] as string
    if (character === '\\') at += 1
    else if (inside) {
      if (character === '`') inside = false
    } else if (quote !== '') {
      if (character === quote) quote = ''
    } else if (line.startsWith('//', at)) return inside
    else if (character === '`') inside = true
    else if (character === "'" || character === '"') quote = character
  }
  return inside
}

/** Whether the identifier says the name on the command line by itself. */
function isExportedAs({ name }: DraftTask, identifiers: Identifiers): boolean {
  const id = identifiers.task(name)
  if (name === 'help') return true
  return id === name || (camelToKebab(id) === name && id !== name)
}

const camelToKebab = (name: string): string =>
  name
    .replace(/([a-z0-9])([A-Z])/g, '$1-$2')
    .replace(/([A-Z])([A-Z][a-z])/g, '$1-$2')
    .toLowerCase()

function exportsCode(tasks: readonly DraftTask[], identifiers: Identifiers, preset: string | undefined): string[] {
  const others = tasks.filter((task) => !isExportedAs(task, identifiers))
  const renamed = others.filter(({ name }) => isIdentifier(name) && name !== 'default')
  const first = tasks.find(({ name }) => name === preset && tasks.every((task) => task.name !== 'default'))
  const rest = [
    ...(first === undefined ? [] : [`default: ${identifiers.task(first.name)}`]),
    ...others
      .filter((task) => !renamed.includes(task))
      .map(({ name }) => `${keyCode(taskName(name))}: ${identifiers.task(name)}`),
  ]
  return [
    ...(renamed.length > 0
      ? [`export { ${renamed.map(({ name }) => `${identifiers.task(name)} as ${name}`).join(', ')} }`]
      : []),
    ...(rest.length > 0 ? [`export default {\n${rest.map((member) => `  ${member},`).join('\n')}\n}`] : []),
  ]
}

/** A name that the command line takes: what is no letter, digit or one of `_ . : -` becomes a hyphen. */
export function taskName(name: string): string {
  const made = name
    .replace(/[^\p{L}\p{N}_$.:-]+/gu, '-')
    .replace(/^[^\p{L}\p{N}_$]+/u, '')
    .replace(/-+$/, '')
  return made === '' ? 'task-1' : made
}

/** Needs stand before those that need them; a constant is read where it is defined. */
function ordered(tasks: readonly DraftTask[]): DraftTask[] {
  const byName = new Map(tasks.map((task) => [task.name, task]))
  const done = new Set<DraftTask>()
  const out: DraftTask[] = []
  const place = (task: DraftTask, above: readonly DraftTask[]): void => {
    if (done.has(task) || above.includes(task)) return
    for (const { task: name } of task.needs ?? []) {
      const other = byName.get(name)
      if (other) place(other, [...above, task])
    }
    done.add(task)
    out.push(task)
  }
  for (const task of tasks) place(task, [])
  return out
}
