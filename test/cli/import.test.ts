import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const makefile = `NAME ?= world

# Greet somebody
.PHONY: hello
hello: ## Say hello
	@echo "Hello, $(NAME)!"

$(shell date):
	@true

odd:
	@echo $(eval X := 1)
`

test('a draft is written beside its source, and works', async () => {
  const folder = folderWith({ Makefile: makefile })
  const { stdout, stderr, status } = await task(['import', 'Makefile'], { cwd: folder })
  assert.is(stdout, 'wrote Taskfile.ts: 2 tasks\nnext:\n  task --list\n')
  assert.is(
    stderr,
    `not carried over (2 places; also comments in the draft):
  Makefile:8   the targets are known only when make runs: $(shell date):
  Makefile:12  a function of make without a counterpart: $(eval X := 1)
`.replace('date): ', 'date):'),
  )
  assert.is(status, 0)
  const text = readFileSync(join(folder, 'Taskfile.ts'), 'utf8')
  assert.match(text, /^\/\/ NOT CARRIED OVER Makefile:8: the targets are known only when make runs: \$\(shell date\):/m)
  assert.match(text, /^\/\/ NOT CARRIED OVER Makefile:12: .*\nexport const odd = /m)
  assert.is((await task(['hello'], { cwd: folder })).stdout, 'Hello, world!\n')
  assert.is((await task(['hello'], { cwd: folder, env: { NAME: 'a "b" $HOME' } })).stdout, 'Hello, a "b" $HOME!\n')
  const odd = await task(['odd'], { cwd: folder })
  assert.match(odd.stderr, /not carried over: \$\(eval X := 1\)/)
  assert.is(odd.status, 1)
})

test('what ran when nothing was named runs when nothing is named', async () => {
  for (const [name, text] of [
    ['Makefile', 'all: build\n\t@echo all\nbuild:\n\t@true\n'],
    ['Makefile', '.DEFAULT_GOAL := all\nbuild:\n\t@true\nall:\n\t@echo all\n'],
    ['justfile', 'all:\n  @echo all\nbuild:\n  @true\n'],
    ['justfile', 'build:\n  @true\n[default]\nall:\n  @echo all\n'],
    ['Taskfile.yml', 'version: "3"\ntasks:\n  build: "true"\n  default: echo all\n'],
  ] as const) {
    const folder = folderWith({ [name]: text })
    assert.is((await task(['import', name], { cwd: folder })).status, 0)
    const { stdout } = await task([], { cwd: folder })
    assert.match(stdout, /all\n$/, text)
    assert.not.match(stdout, /^ {2}/m)
  }
  const folder = folderWith({ justfile: 'default:\n  @just --list\nbuild:\n  @true\n' })
  assert.is((await task(['import', 'justfile'], { cwd: folder })).status, 0)
  assert.is((await task([], { cwd: folder })).stdout, '  build\n')
})

test('as JSON: what was written and what was not carried over', async () => {
  const folder = folderWith({ Makefile: makefile })
  const { stdout, stderr } = await task(['import', '.', '--json', '--out', 'tasks/made.ts'], { cwd: folder })
  assert.is(stderr, '')
  assert.equal(JSON.parse(stdout), {
    outcome: 'done',
    exitCode: 0,
    written: join(folder, 'tasks/made.ts'),
    tasks: 2,
    losses: [
      {
        line: 8,
        what: '$(shell date): ',
        why: 'the targets are known only when make runs',
        file: join(folder, 'Makefile'),
      },
      {
        line: 12,
        what: '$(eval X := 1)',
        why: 'a function of make without a counterpart',
        file: join(folder, 'Makefile'),
      },
    ],
  })
  assert.match(readFileSync(join(folder, 'tasks/made.ts'), 'utf8'), /export const hello = task/)
})

test('nothing is ever written over', async () => {
  const folder = folderWith({ justfile: 'hi:\n  echo hi\n', 'Taskfile.mjs': '', 'other.ts': 'mine' })
  const beside = await task(['import', 'justfile'], { cwd: folder })
  assert.match(beside.stderr, /Taskfile\.mjs exists already; nothing was written/)
  assert.is(beside.status, 3)
  const named = await task(['import', 'justfile', '--out', 'other.ts'], { cwd: folder })
  assert.match(named.stderr, /other\.ts exists already/)
  assert.is(readFileSync(join(folder, 'other.ts'), 'utf8'), 'mine')
  assert.not.ok(existsSync(join(folder, 'Taskfile.ts')))
  const printed = await task(['import', 'justfile', '--out', '-'], { cwd: folder })
  assert.match(printed.stdout, /export const hi = task\(\{\n {2}async run\(\{ \$ \}\) \{\n {4}await \$`echo hi`\n/)
  assert.not.ok(existsSync(join(folder, '-')))
})

test('what cannot be read is told with its place; nothing is written', async () => {
  const folder = folderWith({
    justfile: "ok:\n  echo ok\n\nbad target='unclosed:\n  echo {{ok +}}\n",
    'two/justfile': 'one:\n  echo {{ "a" + }}\n',
    'three/Taskfile.yml': 'version: 3\ntasks:\n  a: [b\n',
    'four/package.json': '{ "scripts": { "a": } }',
    'five/Taskfile.yml': 'version: 3\n',
    'notes.txt': '',
  })
  for (const [path, pattern, status] of [
    ['justfile', /a string is not closed\n {2}at justfile:4:12/, 3],
    ['two/justfile', /expected a value\n {2}at two\/justfile:2:17/, 3],
    ['three/Taskfile.yml', /at three\/Taskfile\.yml:\d+:\d+/, 3],
    ['four/package.json', /at four\/package\.json:1:\d+/, 3],
    ['five/Taskfile.yml', /has no tasks/, 3],
    ['notes.txt', /cannot tell what notes\.txt is[\s\S]*Makefile, justfile/, 2],
    ['absent', /absent does not exist/, 2],
    ['five', /has no tasks/, 3],
  ] as const) {
    const { stderr, stdout, status: found } = await task(['import', path], { cwd: folder })
    assert.match(stderr, pattern, path)
    assert.is(stdout, '')
    assert.is(found, status, path)
  }
  assert.not.ok(existsSync(join(folder, 'Taskfile.ts')))
})

test('what a user types never becomes code of a script', async () => {
  const folder = folderWith({
    justfile: `show x *rest:\n  @printf '%s|' "{{x}}" '{{x}}' {{quote(x)}} | cat; printf '%s|' {{rest}}\n`,
  })
  assert.is((await task(['import', 'justfile'], { cwd: folder })).status, 0)
  const odd = ['$(echo PWN)', "it's", '`id`', '*', '', 'ü', 'a\nb']
  for (const value of odd) {
    const { stdout } = await task(['show', value, ...odd], { cwd: folder })
    assert.is(stdout, `${value}|${value}|${value}|${odd.map((one) => `${one}|`).join('')}`)
  }
})

test.run()
