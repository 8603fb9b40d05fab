import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { parseYamlFile } from '../../lib/manifest/yaml-file.ts'
import { parseEnvFile } from '../../lib/validate/env-file.ts'
import { planEnvFile, renderEnvFile } from '../../lib/validate/env-plan.ts'
import { hostsIn, isLoopback } from '../../lib/validate/hosts.ts'
import { validateWorkspace } from '../../lib/validate/relevance.ts'
import { parseTemplate } from '../../lib/validate/template.ts'
import { baseWorkspace } from './base-workspace.ts'

/** A generator of numbers below `limit` that is the same in every run (mulberry32). */
function numbers(seed: number): (limit: number) => number {
  let state = seed
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return (((mixed ^ (mixed >>> 14)) >>> 0) % limit) >>> 0
  }
}

const pieces = [
  ...[
    ':',
    '- ',
    '\n',
    '\t',
    '  ',
    '"',
    "'",
    '{',
    '}',
    '[',
    ']',
    '#',
    '&a',
    '*a',
    '!',
    '|',
    '>',
    '%',
    '@',
    ',',
    '?',
    '~',
    '\r',
  ],
  ...[
    '${',
    '}',
    '${A}',
    '${A:-b}',
    '$$',
    '${services.api.port}',
    '<<: *a',
    '__proto__: 1',
    'constructor: x',
    'null',
    'true',
  ],
  ...[
    '1e999',
    '0x1F',
    '-.inf',
    '\u0000',
    '\uFEFF',
    '\uD800',
    '🦊',
    '---\n',
    '...\n',
    'name: x\n',
    '  - x\n',
    'toString: {}\n',
    '.nan',
  ],
]

/** A text with a few pieces put in, cut out, or doubled. */
function mutate(text: string, below: (limit: number) => number): string {
  let result = text
  for (let count = below(4) + 1; count > 0; count -= 1) {
    const at = below(result.length + 1)
    const length = below(30)
    const piece = pieces[below(pieces.length)] as string
    const kinds = [
      () => result.slice(0, at) + piece + result.slice(at),
      () => result.slice(0, at) + result.slice(at + length),
      () => result.slice(0, at) + result.slice(at, at + length) + result.slice(at),
      () => result.slice(0, at),
    ]
    result = (kinds[below(kinds.length)] as () => string)()
  }
  return result
}

test('2000 random mutations of a workspace: no exception, and every failure is complete', () => {
  const below = numbers(20_261_120)
  const paths = [...baseWorkspace.keys()]
  let failing = 0
  for (let round = 0; round < 2000; round += 1) {
    const texts = new Map(baseWorkspace)
    const path = paths[below(paths.length)] as string
    const text = mutate(baseWorkspace.get(path) as string, below)
    texts.set(path, text)
    try {
      const { failures } = validateWorkspace(texts)
      if (failures.length > 0) failing += 1
      for (const { code, message, place, source, outcome } of failures) {
        assert.match(code, /^[a-z]+(-[a-z]+)*$/)
        assert.ok(message.length > 0)
        assert.is(outcome, 'unchanged')
        assert.ok(place && texts.has(place.file), `${place?.file}`)
        if (source !== undefined) assert.ok((place?.column ?? 0) <= source.length + 1, `${place?.column} in ${source}`)
      }
    } catch (error) {
      throw new Error(`round ${round}, ${path}: ${JSON.stringify(text)}`, { cause: error })
    }
  }
  assert.ok(failing > 1000, `${failing} of them broken`)
})

test('random texts: neither the parsers nor the check of addresses throw, and an .env file keeps its bytes', () => {
  const below = numbers(7)
  for (let round = 0; round < 3000; round += 1) {
    const text = mutate('export A="b c" # d\nB=postgres://u:${P}@[::1]:5432,h/d?host=x\n', below)
    parseYamlFile('x.yaml', text)
    parseTemplate(text)
    for (const host of hostsIn('X_URL', text)) isLoopback(host)
    const { entries } = parseEnvFile('.env', text, { secret: true })
    const example = 'A=1\nNEW= # generate: 12\n'
    const rendered = renderEnvFile(text, example, new Map([['NEW', 'abcdefghijkl']]))
    assert.ok(rendered.startsWith(text))
    assert.is(planEnvFile(example, text).create, false)
    for (const { name, value } of entries) assert.is(typeof value, 'string', name)
  }
})

test.run()
