import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { asTyped, textAsTyped } from '../../lib/log/typed-command.ts'

test('only the word of a command is changed', () => {
  const typed = (text: string) => asTyped(text, 'npx task')
  assert.is(typed('task setup dev   # task is a word'), 'npx task setup dev   # task is a word')
  assert.is(typed('task resume dev, or task abort dev'), 'npx task resume dev, or npx task abort dev')
  assert.is(typed('mend the task warm'), 'mend the task warm')
  assert.is(typed('kill -9 12'), 'kill -9 12')
})

test('texts are changed behind next and mend alone', () => {
  const text = 'a\n  task x\nnext:\n  task a\n  task b\ntask c\n  task d\nmend: task e\nnext: task f\n      task g\n'
  const wanted = 'a\n  task x\nnext:\n  ./t a\n  ./t b\ntask c\n  task d\nmend: ./t e\nnext: ./t f\n      ./t g\n'
  assert.is(textAsTyped(text, './t'), wanted)
})

test.run()
