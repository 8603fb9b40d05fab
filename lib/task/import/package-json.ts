import { isScalar, LineCounter, parseDocument, visit } from 'yaml'
import { failed, ok, type Result } from '../../model/failure.ts'
import { Identifiers, literal } from './code.ts'
import type { Drafted, DraftTask, Loss } from './model.ts'
import { renderDraft } from './render.ts'
import { lineCode, plainChain, scriptCode } from './shell-line.ts'

/** npm runs these by itself, whatever a Taskfile says. */
const lifecycle =
  /^(pre|post)?(install|prepare|publish|publishOnly|pack|version|uninstall)$|^(prepublishOnly|prepublish|dependencies)$/

/** Drafts a Taskfile from the scripts of a package.json. */
export function draftFromPackage(content: string, source: string): Result<Drafted> {
  const lines = new LineCounter()
  const document = parseDocument(content, { lineCounter: lines })
  const wrong = syntaxError(content)
  if (wrong) {
    const { line, col } = lines.linePos(wrong.at)
    const place = { file: source, line, column: col }
    return failed({ code: 'import-syntax', message: `${source}: ${wrong.message}`, place, outcome: 'unchanged' })
  }
  const scripts = ((document.toJS() as { scripts?: Record<string, unknown> } | null)?.scripts ?? {}) as Record<
    string,
    unknown
  >
  const lineOf = (name: string): number => {
    let found = 1
    visit(document, {
      Pair(_, pair, path) {
        const inScripts = path.some((node) => (node as { key?: { value?: unknown } }).key?.value === 'scripts')
        if (!inScripts || !isScalar(pair.key) || pair.key.value !== name || !pair.key.range) return undefined
        found = lines.linePos(pair.key.range[0]).line
        return visit.BREAK
      },
    })
    return found
  }
  const names = Object.keys(scripts).filter((name) => typeof scripts[name] === 'string')
  const identifiers = new Identifiers()
  for (const name of names) identifiers.task(name)
  const tasks = names.map((name) => taskOf(name, scripts as Record<string, string>, lineOf(name), identifiers))
  const draft = {
    source,
    shell: ['/bin/sh'],
    notes: ['What is written behind a name is added to its command, as by `npm run NAME -- …`.'],
    constants: tasks.length === 0 ? [] : [moreArguments],
    tasks,
    losses: [],
  }
  return ok({
    text: renderDraft(draft, identifiers),
    tasks: tasks.length,
    losses: tasks.flatMap(({ losses }) => losses),
  })
}

/** What keeps a text from being JSON, and where. YAML, whose parser gives the lines of keys, takes more. */
function syntaxError(content: string): { message: string; at: number } | undefined {
  try {
    JSON.parse(content.replace(/^\uFEFF/, ''))
    return undefined
  } catch (error) {
    const message = (error as Error).message
    return { message, at: Number(/position (\d+)/.exec(message)?.[1] ?? content.length) }
  }
}

const moreArguments = `const more = text().positional().repeated().describe('added to the command')`

function taskOf(
  name: string,
  scripts: Readonly<Record<string, string>>,
  line: number,
  identifiers: Identifiers,
): DraftTask {
  const text = scripts[name] as string
  const losses: Loss[] = []
  const isHook = /^(pre|post)/.test(name) && name.replace(/^(pre|post)/, '') in scripts
  if (lifecycle.test(name)) {
    losses.push({
      line,
      what: `${name}: ${text}`,
      why: 'npm runs this script by itself at its own times; keep it in package.json, too',
    })
  }
  const body = bodyOf(name, text, scripts, identifiers)
  const post = `post${name}`
  if (post in scripts) body.push(`await run(${identifiers.task(post)})`)
  return {
    name,
    line,
    description: text.length > 100 ? `${text.slice(0, 97)}…` : text,
    ...(isHook ? { hidden: true } : {}),
    args: [{ key: 'more', code: 'more' }],
    needs: `pre${name}` in scripts ? [{ task: `pre${name}` }] : [],
    body,
    losses,
  }
}

function bodyOf(
  name: string,
  text: string,
  scripts: Readonly<Record<string, string>>,
  identifiers: Identifiers,
): string[] {
  // npm sets these, and nobody else.
  if (/\$\{?npm_(package|config|lifecycle|execpath|node_execpath)/.test(text)) {
    return [`await $\`npm run --silent --ignore-scripts \${${literal(name)}} -- \${args.more}\``]
  }
  const chain = plainChain([text])
  if (!chain) return [`await ${scriptCode([text], { rest: 'args.more' })}`]
  return chain.map((parts, index) => {
    const isLast = index === chain.length - 1
    const called = calledScript(String(parts[0] ?? ''), scripts)
    if (called) {
      const id = identifiers.task(called.name)
      const given = [...called.words.map(literal), ...(isLast ? ['...args.more'] : [])]
      return given.length === 0
        ? `await run(${id})`
        : `await run(${id}, { more: [${given.join(', ')}] })`.replace('[...args.more]', 'args.more')
    }
    return `await ${lineCode(parts, isLast ? { rest: 'args.more' } : {})}`
  })
}

/** The script that a command calls: `npm run lint -- --fix`, `yarn lint`, `npm test`. */
function calledScript(
  command: string,
  scripts: Readonly<Record<string, string>>,
): { name: string; words: string[] } | undefined {
  const match =
    /^(?:npm|pnpm|yarn|bun) (?:(run|run-script) )?(?:-s |--silent )?([\w:.-]+)((?: [\w./:=@%+,^~-]+)*)$/.exec(
      command.trim(),
    )
  if (!match) return undefined
  const [, run, word = '', rest = ''] = match
  const isNpm = command.trim().startsWith('npm ')
  const name = !run && isNpm && word === 't' ? 'test' : word
  if (!run && isNpm && !['test', 'start', 'stop', 'restart'].includes(name)) return undefined
  if (!Object.hasOwn(scripts, name)) return undefined
  const words = rest.split(' ').filter((one) => one !== '')
  const dashes = words.indexOf('--')
  // Flags before `--` are npm's own.
  if (isNpm && words.slice(0, dashes < 0 ? words.length : dashes).some((one) => one.startsWith('-'))) return undefined
  return { name, words: words.filter((_, index) => index !== dashes) }
}
