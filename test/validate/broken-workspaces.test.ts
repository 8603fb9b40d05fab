import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { failureText } from '../../lib/log/failure-text.ts'
import type { Failure } from '../../lib/model/failure.ts'
import { validateWorkspace } from '../../lib/validate/relevance.ts'
import { basePaths, baseWorkspace } from './base-workspace.ts'
import { broken, brokenWorkspaces } from './broken/index.ts'

const exists = (path: string) => basePaths.has(path)

/** A failure as the table has it: place, code and nearest name; the line; the caret. */
function shown({ place, code, nearest, source }: Failure): string[] {
  const at = [place?.file, place?.line, place?.column].filter((part) => part !== undefined).join(':')
  const head = `${at} ${code}${nearest === undefined ? '' : `, nearest ${nearest}`}`
  return source === undefined ? [head] : [head, source, `${' '.repeat((place?.column ?? 0) - 1)}^`]
}

test('the base workspace has no mistake', () => {
  const { workspace, failures } = validateWorkspace(baseWorkspace, { exists })
  assert.equal(failures, [])
  assert.equal(workspace?.names.services, ['api', 'postgres', 'redis', 'worker'])
})

test('there are at least 60 broken workspaces, each with its own name', () => {
  assert.ok(brokenWorkspaces.length >= 60)
  assert.is(new Set(brokenWorkspaces.map(({ name }) => name)).size, brokenWorkspaces.length)
})

for (const { name, edits, expected } of brokenWorkspaces) {
  test(`${name}: every failure at its place, and no other`, () => {
    const { failures } = validateWorkspace(broken(edits), { exists })
    assert.equal(failures.map(shown), expected)
    for (const failure of failures) assert.is(failure.outcome, 'unchanged')
  })
}

test('the text of a failure has the line and the caret below its column', () => {
  for (const { edits, expected } of brokenWorkspaces) {
    const { failures } = validateWorkspace(broken(edits), { exists })
    failures.forEach((failure, index) => {
      const [, source, caret] = expected[index] ?? []
      const text = failureText(failure)
      assert.match(text, failure.message)
      if (source === undefined || caret === undefined || source.length > 100) return
      const bar = `${failure.place?.line} | `
      const padding = caret.slice(0, -1).replace(/./g, (_, at: number) => (source[at] === '\t' ? '\t' : ' '))
      assert.match(text, `    ${bar}${source}\n    ${' '.repeat(bar.length - 3)} | ${padding}^\n`)
    })
  }
})

test('all mistakes of two broken workspaces together are reported at once', () => {
  const pairs = brokenWorkspaces.slice(0, 20).map((first, index) => [first, brokenWorkspaces[index + 50]] as const)
  let together = 0
  for (const [first, second] of pairs) {
    if (!second || first.edits.some(({ file }) => second.edits.some((other) => other.file === file))) continue
    const { failures } = validateWorkspace(broken([...first.edits, ...second.edits]), { exists })
    const heads = failures.map((failure) => shown(failure)[0])
    for (const [head] of first.expected) assert.ok(heads.includes(head), `${first.name} + ${second.name}: ${head}`)
    together += 1
  }
  assert.ok(together >= 8, `${together} pairs`)
})

test.run()
