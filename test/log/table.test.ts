import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { paint } from '../../lib/log/paint.ts'
import { plainLine } from '../../lib/log/plain-line.ts'
import { table } from '../../lib/log/table.ts'
import { cut, widthOf } from '../../lib/log/text-width.ts'

const esc = String.fromCharCode(27)

test('columns are aligned by what a terminal shows: colours take no room, wide characters take two', () => {
  const rows = [
    ['api', paint('running', 'green', true), 'ok'],
    ['数据库', 'stopped', 'ok'],
    ['👩‍💻', 'x', 'ok'],
  ]
  const lines = table(['service', 'status', 'note'], rows).trimEnd().split('\n')
  assert.equal(
    lines.map((line) =>
      widthOf(line.slice(0, line.lastIndexOf('ok') < 0 ? line.indexOf('note') : line.lastIndexOf('ok'))),
    ),
    [18, 18, 18, 18],
  )
})

test('empty columns are left out, the last one is cut to a wide terminal, no rows are no table', () => {
  assert.is(table(['a', 'b'], []), '')
  const long = 'a long note indeed '.repeat(10)
  const cutTo = (columns: number) => table(['name', 'unused', 'note'], [['api', '', long]], { columns }).split('\n')
  assert.equal(cutTo(100), ['name  note', `api   ${long.slice(0, 93)}…`, ''])
  assert.equal(cutTo(20), ['name  note', `api   ${long.slice(0, 59)}…`, ''], 'not below 60: it may wrap')
  assert.is(table(['name', 'note'], [['api', 'short']], { columns: 200 }), 'name  note\napi   short\n')
  assert.match(table(['name', 'note'], [['api', long]], { columns: 20, isTerminal: false }), long.trim())
  assert.is(table(['name'], [['api']], { color: true }), `${esc}[2mname${esc}[0m\napi\n`)
})

test('a text is cut between characters as people see them', () => {
  assert.is(cut('abcdef', 6), 'abcdef')
  assert.is(cut('abcdefg', 6), 'abcde…')
  assert.is(cut('数据库', 5), '数据…')
  assert.is(cut('数据库', 4), '数…')
  assert.is(cut('a👩‍💻b', 3), 'a…')
  assert.is(cut(paint('abcdef', 'red', true), 4), 'abc…')
  assert.is(cut('abc', 0), '')
})

test('a line of output cannot move the cursor, colour what follows or ring', () => {
  assert.is(plainLine(`${esc}[31mred${esc}[0m`), 'red')
  assert.is(plainLine(`${esc}[2J${esc}[1;1Hgone`), 'gone')
  assert.is(plainLine(`${esc}]0;title\u0007text`), 'text')
  assert.is(plainLine('10%\r50%\r100%'), '100%')
  assert.is(plainLine('windows\r'), 'windows')
  assert.is(plainLine('a\tb\u0007\u0000'), 'a    b')
})

test.run()
