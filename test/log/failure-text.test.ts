import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { failuresText, failureText, placeText } from '../../lib/log/failure-text.ts'

test('a failure says what, where, why, the last lines and what to type next', () => {
  const text = failureText(
    {
      code: 'port-in-use',
      message: 'port 8080 is in use',
      place: { file: '/shop/config/services/api.yaml', line: 12, column: 9 },
      source: '    http: 8080',
      service: 'api',
      why: 'held by node (pid 41)\nstarted an hour ago',
      lines: ['listening', 'bye'],
      next: ['task services up --resolve-ports', 'kill 41'],
    },
    { folder: '/shop' },
  )
  assert.is(
    text,
    `error: api: port 8080 is in use
  at config/services/api.yaml:12:9
    12 |     http: 8080
       |         ^
  why: held by node (pid 41)
       started an hour ago
  last lines:
    listening
    bye
  next:
    task services up --resolve-ports
    kill 41
`,
  )
})

test('only what is known is printed', () => {
  assert.is(failureText({ code: 'x', message: 'it broke' }), 'error: it broke\n')
  assert.is(
    failureText({ code: 'x', message: 'no task "depoly"', nearest: 'deploy' }),
    'error: no task "depoly"; did you mean deploy?\n',
  )
  assert.is(failureText({ code: 'x', message: 'odd' }, { label: 'warning' }), 'warning: odd\n')
})

test('the caret stands under its column behind tabs', () => {
  const text = failureText({
    code: 'x',
    message: 'm',
    place: { file: '/f', line: 1, column: 3 },
    source: '\t\tname: 1',
  })
  assert.is(text.split('\n')[3], '      | \t\t^')
})

test('a line of megabytes is cut around the caret', () => {
  const text = failureText({
    code: 'x',
    message: 'm',
    place: { file: '/f', line: 1, column: 500_001 },
    source: `${'a'.repeat(500_000)}b${'a'.repeat(500_000)}`,
  })
  const [, , source, caret] = text.split('\n') as [string, string, string, string]
  assert.ok(source.length < 200)
  assert.is(source[caret.indexOf('^')], 'b')
})

test('colours only where asked for', () => {
  const failure = { code: 'x', message: 'm', why: 'w', next: ['n'] }
  assert.not.ok(failureText(failure).includes('\u001B'))
  assert.ok(failureText(failure, { color: true }).startsWith('\u001B[31merror:\u001B[0m m'))
})

test('a place is relative below the folder and absolute elsewhere', () => {
  assert.is(placeText({ file: '/a/b/c.ts', line: 3 }, '/a'), 'b/c.ts:3')
  assert.is(placeText({ file: '/other/c.ts', line: 3, column: 4 }, '/a'), '/other/c.ts:3:4')
  assert.is(placeText({ file: '/a/c.ts' }), '/a/c.ts')
})

test('quoted lines of a program neither colour nor move anything', () => {
  const lines = ['\u001B[31mred\u001B[0m', '\u001B[2Jgone', '10%\r100%']
  assert.is(failureText({ code: 'x', message: 'm', lines }), 'error: m\n  last lines:\n    red\n    gone\n    100%\n')
})

test('several failures follow each other', () => {
  assert.is(
    failuresText([
      { code: 'x', message: 'one' },
      { code: 'y', message: 'two' },
    ]),
    'error: one\nerror: two\n',
  )
})

test.run()
