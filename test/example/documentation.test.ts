import fs from 'node:fs'
import path from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { resolveWords } from '../../lib/cli/resolve.ts'
import { failuresText } from '../../lib/log/failure-text.ts'
import { loadTaskfile } from '../../lib/task/load.ts'
import { parseArguments } from '../../lib/task/parse.ts'
import { repository } from '../support/index.ts'

const example = path.join(repository, 'example')
const ignored = ['node_modules', '.ops', 'dist']
const folders = [
  '',
  ...fs
    .readdirSync(example, { recursive: true, encoding: 'utf8', withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map((entry) => path.relative(example, path.join(entry.parentPath, entry.name)))
    .filter((folder) => !folder.split(path.sep).some((part) => ignored.includes(part))),
]
const pages = folders.flatMap((folder) =>
  fs
    .readdirSync(path.join(example, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => ({
      file: path.join(folder, name),
      text: fs.readFileSync(path.join(example, folder, name), 'utf8'),
    })),
)

test('there is a README where there is something to choose between', () => {
  // The folders of single components, whose names say all.
  const components = /^infrastructure\/(docker|kubernetes\/base)\//
  for (const folder of folders.filter((name) => !components.test(name))) {
    const inner = folders.filter(
      (other) => other !== '' && path.dirname(path.join('.', other)) === path.join('.', folder),
    )
    if (inner.length < 2) continue
    const readme = path.join(folder, 'README.md')
    assert.ok(
      pages.some(({ file }) => file === readme),
      readme,
    )
  }
})

test('links lead somewhere', () => {
  let links = 0
  for (const { file, text } of pages) {
    for (const [, target = '', anchor] of text.matchAll(/\]\(([^)#:]*)(?:#([^)]*))?\)/g)) {
      const found = target === '' ? file : path.join(path.dirname(file), target)
      assert.ok(fs.existsSync(path.join(example, found)), `${file}: ${target}`)
      if (anchor !== undefined) {
        const headings = [...fs.readFileSync(path.join(example, found), 'utf8').matchAll(/^#+ (.+)$/gm)]
        const anchors = headings.map(([, heading = '']) => heading.toLowerCase().replaceAll(' ', '-'))
        assert.ok(anchors.includes(anchor), `${file}: ${target}#${anchor}`)
      }
      links += 1
    }
  }
  assert.ok(links > 10)
})

test('files that are named are there', () => {
  for (const { file, text } of pages) {
    for (const [, name = ''] of text.matchAll(
      /`((?:\.\/bin|config|database|docs|infrastructure|services)\/[\w./-]+)`/g,
    )) {
      const found = name.startsWith('./bin/') ? path.join(repository, name) : path.join(example, name)
      assert.ok(fs.existsSync(found), `${file}: ${name}`)
    }
  }
})

test('each `task …` is a command that there is, with arguments that it takes', async () => {
  const loaded = await loadTaskfile(path.join(example, 'Taskfile.ts'))
  assert.ok(loaded.ok)
  if (!loaded.ok) return
  let commands = 0
  for (const { file, text } of pages) {
    for (const [, command = ''] of text.matchAll(/(?:^ {4}npx |`)task ([a-z][^`\n#]*)/gm)) {
      const words = command
        .trim()
        .replaceAll(/<environment>/g, 'dev')
        .split(/ +/)
      if (words.includes('…')) continue
      const resolved = resolveWords(loaded.value, words)
      assert.ok(resolved.ok, `${file}: task ${command}`)
      if (!resolved.ok) continue
      const context = { env: {}, folder: example, workspaceFolder: example }
      const args = resolved.value.task.definition.args ?? {}
      const parsed = await parseArguments(args, resolved.value.rest, context)
      assert.ok(parsed.ok, `${file}: ${parsed.ok ? '' : failuresText(parsed.failures, { folder: example })}`)
      commands += 1
    }
  }
  assert.ok(commands > 25, `${commands} commands`)
})

test.run()
