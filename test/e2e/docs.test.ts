/** The documentation says nothing that is not so: commands, flags, links, exit codes, scripts, and what the package contains. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { BuiltIn } from '../../lib/cli/built-in.ts'
import { builtInModules } from '../../lib/cli/built-in-modules.ts'
import { type BuiltInName, isBuiltIn } from '../../lib/cli/builtins.ts'
import { globalArguments, splitCommandLine } from '../../lib/cli/global-flags.ts'
import { resolveWords } from '../../lib/cli/resolve.ts'
import { failuresText } from '../../lib/log/failure-text.ts'
import { exitCodes } from '../../lib/model/outcome.ts'
import { flag } from '../../lib/task/arguments.ts'
import { loadTaskfile } from '../../lib/task/load.ts'
import { type ParseContext, parseArguments } from '../../lib/task/parse.ts'
import { repository, task } from '../support/index.ts'

const markdown = (folder: string) =>
  readdirSync(join(repository, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
const files = [
  ...markdown('.'),
  ...markdown('docs'),
  ...markdown('docs/guides'),
  ...markdown('docs/runbooks'),
  ...markdown('example/docs/runbooks'),
].filter((name) => name !== 'CHANGELOG.md')
const pages = files.map((file) => ({ file, text: readFileSync(join(repository, file), 'utf8') }))
const manifest = JSON.parse(readFileSync(join(repository, 'package.json'), 'utf8'))

/** Lines of sh and console blocks, and code in the running text, that begin with a command of ours: its words from the program on. */
function commandsOf(text: string): string[] {
  const blocks = [...text.matchAll(/^```(?:sh|console|bash)\n(.*?)^```/gms)].flatMap(([, block = '']) =>
    block.split('\n').flatMap((line) => line.replace(/\s+#.*$/, '').split('&&')),
  )
  const spans = [...text.replace(/^```.*?^```/gms, '').matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
  return [...blocks, ...spans]
    .map((line) => line.trim().replace(/^\$ /, ''))
    .filter((line) => /^(?:(?:npx )?task|\.\/bin\/[a-z-]+)(?: |$)/.test(line))
}

/** Placeholders as a value of their kind; what is optional in a synopsis is left out. */
const concrete = (command: string) =>
  command
    .replace(/\[[^\]]*\]/g, '')
    .replace(/<environment>|<env>|<name>\.yaml/g, 'dev')
    .replace(/--to (?:<[^>]+>|N\b)/g, '--to 1')
    .replace(/<[^>]+>|\bN\b/g, 'x')
    .replace(/\s*[|>].*$/, '')
    .trim()

/** Reads what stands behind a word of `task` itself. */
async function wordOf(name: BuiltInName, rest: readonly string[], context: ParseContext) {
  let word: BuiltIn = await builtInModules[name]()
  let left = rest
  for (let inner = word.commands?.[left[0] ?? '']; inner; inner = word.commands?.[left[0] ?? '']) {
    word = inner
    left = left.slice(1)
  }
  const preset = word.defaultCommand === undefined ? undefined : word.commands?.[word.defaultCommand]
  return parseArguments({ ...(preset ?? word).args, json: flag() }, left, context)
}

test('each command of the documentation is one, with flags that it takes', async () => {
  const tables = await Promise.all(
    ['Taskfile.ts', 'example/Taskfile.ts'].map((file) => loadTaskfile(join(repository, file))),
  )
  const wrong: string[] = []
  let commands = 0
  for (const { file, text } of pages)
    for (const written of commandsOf(text)) {
      const [program = '', ...rest] = concrete(written).replace(/^npx /, '').split(/ +/)
      if (rest.includes('…') || rest.some((word) => /…$|\|/.test(word))) continue
      if (program.startsWith('./bin/') && program !== './bin/task') {
        if (!existsSync(join(repository, program))) wrong.push(`${file}: ${written}: no such program`)
        commands += 1
        continue
      }
      const { head, words } = splitCommandLine(rest)
      const context = { env: {}, folder: repository, workspaceFolder: repository }
      const flags = await parseArguments(globalArguments(), head, context)
      if (!flags.ok) wrong.push(`${file}: ${written}: ${failuresText(flags.failures, { folder: repository })}`)
      commands += 1
      // `task <name>` and `task --json name` are any task.
      if (words.length === 0 || /^(help|x|name)$/.test(words[0] ?? '')) continue
      const [word] = words
      if (isBuiltIn(word)) {
        const read = await wordOf(word, words.slice(1), context)
        const isName = !read.ok && words.length <= 2 && read.failures.every(({ code }) => code === 'missing-argument')
        if (!read.ok && !isName)
          wrong.push(`${file}: ${written}: ${failuresText(read.failures, { folder: repository })}`)
        continue
      }
      // Tasks that a page writes itself are its own.
      const defined =
        new RegExp(`export const ${words[0]}\\b|\\b${words[0]}: task`).test(text) || /^hello/.test(words[0] ?? '')
      const results = await Promise.all(
        tables.map(async (table) => {
          if (!table.ok) return table
          const resolved = resolveWords(table.value, words)
          if (!resolved.ok) return resolved
          return parseArguments(resolved.value.task.definition.args ?? {}, resolved.value.rest, context)
        }),
      )
      const [first] = results
      if (defined || results.some(({ ok }) => ok) || !first || first.ok) continue
      // A task named without what it needs is a name, not a command line to type.
      const isName = words.length <= 2 && first.failures.every(({ code }) => code === 'missing-argument')
      if (!isName) wrong.push(`${file}: ${written}: ${failuresText(first.failures, { folder: repository })}`)
    }
  assert.equal(wrong, [])
  assert.ok(commands >= 80, `${commands} commands`)
})

test('links lead to files and headings that there are', () => {
  const slug = (heading: string) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .trim()
      .replaceAll(' ', '-')
  const wrong: string[] = []
  let links = 0
  for (const { file, text } of pages)
    for (const [, target = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)/g)) {
      links += 1
      const path = target === '' ? file : join(dirname(file), target)
      if (!existsSync(join(repository, path))) wrong.push(`${file}: ${target}`)
      else if (anchor !== undefined && path.endsWith('.md')) {
        const headings = [...readFileSync(join(repository, path), 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, one = '']) =>
          slug(one),
        )
        if (!headings.includes(anchor)) wrong.push(`${file}: ${target}#${anchor}`)
      }
    }
  assert.equal(wrong, [])
  assert.ok(links >= 10, `${links} links`)
})

test('docs/exit-codes.md has every outcome with its code, and no other', () => {
  const text = readFileSync(join(repository, 'docs/exit-codes.md'), 'utf8')
  const rows = [...text.matchAll(/^\| ([\d, ]+) \| ([^|]+) \|/gm)].flatMap(([, codes = '', names = '']) => {
    const outcomes = [...names.matchAll(/`(\w+)`/g)].map(([, name]) => name)
    return codes.split(',').map((code, index) => [outcomes[index], Number(code)])
  })
  assert.equal(rows, Object.entries(exitCodes))
})

test('CATALOG.md is current', async () => {
  const ended = await task(['catalog', '--check'])
  assert.is(ended.status, 0, ended.stdout + ended.stderr)
})

test('the commands of the README exist, and the package holds what is promised', () => {
  const readme = readFileSync(join(repository, 'README.md'), 'utf8')
  assert.match(readme, /npm install && npx task setup dev/)
  assert.match(readme, /npm install && npm test/)
  for (const [, script = ''] of pages.flatMap(({ text }) => [...text.matchAll(/npm (?:run )([a-z:]+)/g)]))
    assert.ok(manifest.scripts[script], script)
  assert.ok(manifest.scripts.test && manifest.scripts.prepare)
  const packed = ['package.json', ...manifest.files] as string[]
  const inside = (path: string) => packed.some((entry) => path === entry || path.startsWith(`${entry}/`))
  const promised = [
    ...Object.values(manifest.bin as Record<string, string>),
    ...Object.values(manifest.exports as Record<string, string | Record<string, string>>).flatMap((entry) =>
      typeof entry === 'string' ? [entry] : Object.values(entry),
    ),
    ...readFileSync(join(repository, 'lib/task/scaffold.ts'), 'utf8').matchAll(/vital-ops\/(schemas)\//g),
  ].map((path) => (typeof path === 'string' ? path.replace('./', '') : 'schemas/service.json'))
  assert.ok(promised.length >= 9)
  for (const path of promised) {
    assert.ok(inside(path), `${path} is not among the files of the package`)
    if (!path.includes('*')) assert.ok(existsSync(join(repository, path)), path)
  }
})

test.run()
