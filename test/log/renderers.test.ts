import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { LogEvent, OpEnd } from '../../lib/log/events.ts'
import { createRenderer } from '../../lib/log/index.ts'
import type { Op } from '../../lib/model/op.ts'
import { planOf, step } from '../execute/support/plans.ts'
import { until } from '../support/index.ts'

const one = step('one')
const two = step('two', ['one'])
const plan = planOf(one, two)
const started = (op: Op, number = 1): LogEvent => ({ type: 'op-started', op, plan: number })
const output = (op: string, line: string): LogEvent => ({ type: 'op-output', op, line })
const ended = (op: string, end: OpEnd, rest: Partial<Extract<LogEvent, { type: 'op-ended' }>> = {}): LogEvent => ({
  type: 'op-ended',
  op,
  plan: 1,
  end,
  durationMs: 1200,
  ...rest,
})
const failure = { code: 'x', message: 'port 8080 is taken' }
const shown: LogEvent = { type: 'plan-shown', plan, findings: [] }

async function render(
  kind: 'live' | 'plain' | 'json',
  events: LogEvent[],
  { env = {}, color = false, columns = 80 }: { env?: Record<string, string>; color?: boolean; columns?: number } = {},
): Promise<string> {
  let text = ''
  const renderer = createRenderer({
    output: kind,
    color,
    columns,
    env,
    write: (piece) => {
      text += piece
    },
  })
  for (const event of events) renderer.emit(event)
  await renderer.end()
  return text
}

const esc = String.fromCharCode(27)
/** What a terminal shows in the end: of each redrawn list the last drawing. */
function screen(text: string): string[] {
  const cleared = new RegExp(`(?:${esc}\\[2K|${esc}\\[1A|${esc}\\[G)+`, 'g')
  const lists = text.split(`${esc}[?25h`)
  return lists
    .map((list) => {
      const [before, drawn] = list.split(`${esc}[?25l`)
      return (before ?? '') + (drawn?.split(cleared).at(-1) ?? '')
    })
    .join('')
    .replace(new RegExp(`${esc}\\[[0-9;?]*[a-zA-Z]`, 'g'), '')
    .split('\n')
    .filter((line) => line !== '')
}

test('plain: lines in the order of events; output is shown only for what went wrong', async () => {
  const text = await render('plain', [
    shown,
    { type: 'release-opened', environment: 'dev', release: 3, revision: 'v1' },
    started(one),
    output('one', 'quiet'),
    ended('one', 'done', { message: 'pid 12' }),
    { type: 'message', level: 'warning', text: 'careful' },
    started(two),
    ...Array.from({ length: 60 }, (_, index) => output('two', `line ${index}`)),
    ended('two', 'failed', { failure }),
    { type: 'release-closed', environment: 'dev', release: 3, outcome: 'failed', cause: 'port 8080 is taken' },
  ])
  assert.is(
    text,
    [
      'deploy dev: 2 changes',
      '  - one  stop one — the test asks for it',
      '  - two  stop two — the test asks for it',
      'release 3 of dev (v1) begun',
      '▶ one: stop one',
      '✔ one done 1.2s (pid 12)',
      'warning: careful',
      '▶ two: stop two',
      '✖ two failed 1.2s: port 8080 is taken',
      ...Array.from({ length: 50 }, (_, index) => `  │ line ${index + 10}`),
      'release 3 of dev is failed: port 8080 is taken',
      '',
    ].join('\n'),
  )
})

test('plain on GitHub: each op’s output is a group of its own, also when ops run beside each other; failures are marked', async () => {
  const text = await render(
    'plain',
    [
      started(one),
      started(two),
      output('one', 'a1'),
      output('two', 'b1'),
      output('one', 'a2'),
      ended('one', 'done'),
      ended('two', 'failed', { failure: { code: 'x', message: '100% broken\nindeed' } }),
    ],
    { env: { GITHUB_ACTIONS: 'true' } },
  )
  assert.match(text, /✔ one done 1\.2s\n::group::output of one\n {2}│ a1\n {2}│ a2\n::endgroup::\n/)
  assert.match(text, /::group::output of two\n {2}│ b1\n::endgroup::\n::error title=two::100%25 broken%0Aindeed\n$/)
})

test('plain on GitHub: a program cannot give the runner commands', async () => {
  const lines = ['::set-output name=x::y', '  ::add-mask::z', `${esc}[0m::stop-commands::q`, 'x\r::error::boo']
  const text = await render(
    'plain',
    [started(one), ...lines.map((line) => output('one', line)), ended('one', 'done')],
    { env: { GITHUB_ACTIONS: 'true' } },
  )
  const commands = text.split('\n').filter((line) => /^\s*::/.test(line))
  assert.equal(commands, ['::group::output of one', '::endgroup::'])
})

test('json: one event a line, numbered, with its time', async () => {
  const text = await render('json', [shown, started(one), output('one', 'a\nb\u2028c'), ended('one', 'done')])
  const lines = text.trimEnd().split('\n')
  const values = lines.map((line) => JSON.parse(line))
  assert.equal(
    values.map(({ seq, type }) => `${seq} ${type}`),
    ['1 plan-shown', '2 op-started', '3 op-output', '4 op-ended'],
  )
  assert.is(values[2].line, 'a\nb\u2028c')
  assert.not.ok(values.some(({ at }) => Number.isNaN(Date.parse(at))))
})

test('live: what was said in the beginning, the ops with how they ended, then what was said while they ran', async () => {
  const text = await render('live', [
    shown,
    started(one),
    output('one', 'quiet 100% %s'),
    ended('one', 'done', { message: 'pid 12' }),
    { type: 'message', level: 'warning', text: 'careful' },
    started(two),
    { type: 'message', level: 'info', text: 'still careful' },
    ended('two', 'failed', { failure }),
    { type: 'release-closed', environment: 'dev', release: 3, outcome: 'failed', cause: 'gate' },
  ])
  assert.equal(screen(text), [
    'deploy dev: 2 changes',
    '  - one  stop one — the test asks for it',
    '  - two  stop two — the test asks for it',
    '✔ one: stop one 1.2s: pid 12',
    '✖ two: stop two 1.2s: port 8080 is taken',
    '› warning: careful',
    '› still careful',
    'release 3 of dev is failed: gate',
  ])
  assert.ok(text.endsWith('gate\n'))
  const colours = new RegExp(`${esc}\\[(?:3[0-9]|9[0-9]|1|2)m`)
  assert.not.match(text, colours)
  assert.match(await render('live', [shown, started(one), ended('one', 'done')], { color: true }), colours)
})

test('live: a second plan of the same run is a list of its own', async () => {
  const text = await render('live', [
    shown,
    started(one),
    ended('one', 'failed', { failure }),
    ended('two', 'skipped', { durationMs: 0, message: 'because of one' }),
    { type: 'plan-shown', plan: planOf(one), findings: [] },
    started(one, 2),
    ended('one', 'present', { plan: 2, durationMs: 3 }),
    { type: 'run-ended', run: 'r', outcome: 'rolledBack', durationMs: 3 },
  ])
  assert.equal(
    screen(text).filter((line) => line.includes('stop one') && !line.includes('—')),
    ['✖ one: stop one 1.2s: port 8080 is taken', '✔ one: stop one 3ms'],
  )
  assert.ok(screen(text).some((line) => line.includes('two: stop two')))
})

test('live: an op whose end is never told does not keep the command from ending', async () => {
  const text = await render('live', [shown, started(one)])
  assert.ok(text.endsWith(`${esc}[?25h`), 'the cursor is shown again')
})

test('live: the terminal’s signals and the process are left alone', async () => {
  const before = process.listenerCount('SIGINT')
  let text = ''
  const renderer = createRenderer({
    output: 'live',
    color: false,
    columns: 80,
    env: {},
    write: (piece) => {
      text += piece
    },
  })
  renderer.emit(shown)
  renderer.emit(started(one))
  await until(() => text.includes('one: stop one'), { what: 'the list to be drawn' })
  const during = process.listenerCount('SIGINT')
  renderer.emit(ended('one', 'failed', { failure }))
  await renderer.end()
  assert.is(during, before)
})

test('what an op said is not shown where its failure brings lines of its own', async () => {
  const polled = [started(one), output('one', 'not ready yet'), ended('one', 'failed', { failure })]
  assert.match(await render('plain', polled), 'not ready yet')
  const withWords = { ...failure, lines: ['cannot find the frobnicator'] }
  const text = await render('plain', [
    started(one),
    output('one', 'not ready yet'),
    ended('one', 'failed', { failure: withWords }),
  ])
  assert.not.match(text, 'not ready yet')
})

test.run()
