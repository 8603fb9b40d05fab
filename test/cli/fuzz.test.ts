import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, task, timeLimit } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

/** The vectors of one invocation: all in one command line, with the length of each before it, so that 10,000 take twenty starts and not 10,000. */
const perCall = 500
const calls = 20

const folder = folderWith({
  'print.mjs': `
import { appendFileSync } from 'node:fs'
appendFileSync(process.env.SEEN, JSON.stringify(process.argv.slice(2)) + '\\n')
`,
  'Taskfile.ts': `
import { task, text } from 'vital-ops'
import { appendFileSync } from 'node:fs'
export const echo = task({
  args: { words: text().positional().repeated(), option: text().repeated() },
  run: async ({ args, $ }) => {
    appendFileSync(process.env.GIVEN!, JSON.stringify([args.words, args.option]) + '\\n')
    await $({ quiet: true })\`\${process.execPath} \${process.env.PRINT} \${args.words} \${args.option}\`
  },
})
`,
})

/** A generator of pseudo-random numbers in [0, 1) with a seed (mulberry32), so that a failing vector can be had again. */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const pieces = [
  ...[
    'a',
    'b c',
    ' ',
    '',
    '$HOME',
    '${HOME}',
    '$(id)',
    '`id`',
    ';',
    '&&',
    '|',
    '>',
    '<',
    '*',
    '?',
    '[a]',
    '{a,b}',
    '~',
    '!',
    '#',
  ],
  ...[
    '"',
    "'",
    '\\',
    '\\n',
    '\n',
    '\r',
    '\t',
    '\u0001',
    '\u007f',
    'ü',
    'é',
    '日本',
    '😀',
    '\u202e',
    '\ufeff',
    '%s',
    '%',
    '^',
    '=',
  ],
  ...[
    '--',
    '-',
    '-n',
    '--name',
    '--no-x',
    ':::',
    '--help',
    '-h',
    '--json',
    '@file',
    '$0',
    '$@',
    '--=',
    "'; exit 9; '",
    '\u2028',
  ],
]

test('trap 17: 10,000 argument vectors arrive unchanged in the task and in the command that it starts', async () => {
  timeLimit(240_000)
  const next = random(20_261_121)
  const pick = () => pieces[Math.floor(next() * pieces.length)] as string
  const word = () => Array.from({ length: Math.floor(next() * 4) }, pick).join('')
  let vectors = 0
  for (let call = 0; call < calls; call += 1) {
    const [given, seen] = [join(folder, `given-${call}`), join(folder, `seen-${call}`)]
    // The words of all vectors of a call, with how long each is, so that one command carries them all.
    const words = Array.from({ length: perCall }, () => {
      const vector = Array.from({ length: Math.floor(next() * 5) }, word)
      vectors += 1
      return [String(vector.length), ...vector]
    }).flat()
    const options = Array.from({ length: 5 }, word)
    writeFileSync(seen, '')
    const ended = await task(['echo', ...options.map((one) => `--option=${one}`), '--', ...words], {
      cwd: folder,
      env: { GIVEN: given, SEEN: seen, PRINT: join(folder, 'print.mjs') },
    })
    assert.equal([ended.status, ended.stderr], [0, ''], `call ${call}`)
    assert.equal(JSON.parse(readFileSync(given, 'utf8')), [words, options], `call ${call}`)
    assert.equal(JSON.parse(readFileSync(seen, 'utf8')), [...words, ...options], `call ${call}`)
  }
  assert.is(vectors, 10_000)
  note(`${vectors} vectors in ${calls} invocations`)
})

test.run()
