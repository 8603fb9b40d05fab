import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { repository, run } from './support/index.ts'

/** What no file of the repository holds, by the reason. */
const forbidden: Record<string, RegExp> = {
  'an absolute path of one machine': /(?<![\w.~-])\/(?:work|root|tmp\/wt|home\/(?!app\b)[a-z]+)\/[\w.-]/,
  'a package registry': /\bregistry\.(?:npmjs|yarnpkg|npmmirror)\b/,
  'an address that only one network knows': /"resolved":\s*"http/,
  'a conflict that was not resolved': /^(?:<{7} |>{7} )/m,
}

/** The violations in a text, as `line: reason`. */
function violationsIn(text: string): string[] {
  return Object.entries(forbidden).flatMap(([reason, pattern]) => {
    const match = pattern.exec(text)
    return match ? [`${text.slice(0, match.index).split('\n').length}: ${reason}`] : []
  })
}

test('no file of the repository belongs to one machine or network', async () => {
  const { stdout, status, stderr } = await run(['git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard'])
  assert.is(status, 0, stderr)
  const files = stdout.split('\0').filter((file) => file !== '' && !/\.(?:png|gif|jpg|ico|gz|age)$/.test(file))
  assert.ok(files.includes('package-lock.json'))
  const found = files.flatMap((file) => violationsIn(read(file)).map((violation) => `${file}:${violation}`))
  assert.is(found.join('\n'), '')
})

test('the rules find what they are for', () => {
  const seeded = [
    'x',
    ` at ${'/wo'}rk/main/a.ts`,
    `https://${'regis'}try.npmjs.org/x`,
    `"resolved"${': "https://'}`,
    `${'<'.repeat(7)} HEAD`,
  ]
  assert.equal(
    seeded.map((text) => violationsIn(text).length),
    [0, 1, 1, 1, 1],
  )
  assert.equal(violationsIn('https://example.org/work/a, frame/work/a, /var/lib/root/x, ./home/a/b'), [])
})

/** A file that was removed and is still tracked has nothing in it. */
function read(file: string): string {
  try {
    return readFileSync(join(repository, file), 'utf8')
  } catch (error) {
    if (['ENOENT', 'EISDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return ''
    throw error
  }
}

test.run()
