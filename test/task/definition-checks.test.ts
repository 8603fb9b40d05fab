import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type AnyDefinition, task } from '../../lib/task/definition.ts'
import { definitionFailures } from '../../lib/task/definition-checks.ts'

const run = () => {}
const wrong = (definition: object): string[] =>
  definitionFailures('build', task({ run, ...definition } as AnyDefinition)).map(
    ({ message, nearest }) => message.replace('task build: ', '') + (nearest === undefined ? '' : ` (${nearest})`),
  )

test('a member that there is not is refused, with the nearest', () => {
  assert.equal(wrong({ input: ['src/**'] }), ['a definition has no "input" (inputs)'])
  assert.equal(wrong({ need: {}, aliases: [], mutexes: 'a' }), [
    'a definition has no "need" (needs)',
    'a definition has no "mutexes" (mutex)',
  ])
  assert.equal(wrong({ xyzzy: 1 }), ['a definition has no "xyzzy"'])
})

test('a task with commands has members of its own', () => {
  const made = task({ commands: { up: task({ run, ouptuts: [] } as AnyDefinition) }, needs: {} } as never)
  assert.equal(
    definitionFailures('services', made).map(({ message, nearest }) => [message, nearest]),
    [
      ['task services: a definition has no "needs"', undefined],
      ['task services up: a definition has no "ouptuts"', 'outputs'],
    ],
  )
})

test('what has no meaning is refused, all at once', () => {
  assert.equal(
    wrong({
      timeout: 'soon',
      retry: { times: -1, backoff: '1x' },
      platforms: ['linux', 'darwn'],
      mutex: [1],
      dotenv: '.env',
      folder: 3,
      when: true,
      preconditions: [{ check: 'docker info', message: 'no' }],
      needs: { later: undefined, text: 'build' },
      finally: { fine: task({ run }), bad: {} },
    }),
    [
      'timeout: expected a duration like 30s or 10m, got "soon"',
      'retry: expected how often to try again, from 0',
      'retry.backoff: expected a duration like 30s or 10m, got "1x"',
      'platforms: Node knows no system "darwn" (darwin)',
      'mutex: expected texts, got [1]',
      'dotenv: expected texts, got ".env"',
      'folder: expected a text',
      'when: expected a function',
      'preconditions: expected { check: function, message: text }',
      'needs: later is no task; it is undefined: is it defined further down, or do two files import each other?',
      'needs: text is no task',
      'finally: bad is no task',
    ],
  )
  assert.equal(wrong({ retry: 2, mutex: 'a', dotenv: ['.env'], platforms: ['linux'] }), [])
})

test.run()
