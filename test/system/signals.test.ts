import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { onTermination, type Termination } from '../../lib/system/signals.ts'
import { until } from '../support/index.ts'
import { lives, ready, startRunner } from './support/fixture.ts'

const family = 'sleep 600 & (sleep 600 & sleep 600) & wait'

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`${signal} to the runner: its children end, and it ends with ${status}`, async () => {
    const counting =
      'n=0; trap "n=\\$((n + 1))" TERM; echo trapping; while [ $n = 0 ]; do sleep 0.05; done; sleep 0.3; echo n=$n'
    const runner = await startRunner({
      signals: true,
      processes: [{ argv: ['sh', '-c', family] }, { argv: ['sh', '-c', counting] }],
    })
    const watchdog = await ready(runner)
    await until(() => runner.stdout().includes('trapping'), { what: 'the trap' })
    process.kill(runner.pid, signal)
    assert.is((await runner.ended).status, status)
    assert.equal(await runner.children(), [])
    assert.match(runner.stdout(), 'n=1', 'a child is asked once')
    await until(() => !lives(watchdog), { what: 'the watchdog to end' })
  })
}

test('a second INT ends the runner at once, of that signal, and its children with it', async () => {
  const stubborn = 'trap "" TERM INT HUP; echo trapping; while :; do sleep 1; done'
  const runner = await startRunner({ signals: true, processes: [{ argv: ['sh', '-c', stubborn], graceMs: 60_000 }] })
  await ready(runner)
  await until(() => runner.stdout().includes('trapping'), { what: 'the trap' })
  process.kill(runner.pid, 'SIGINT')
  process.kill(runner.pid, 'SIGTERM')
  // A signal that comes while the same one is pending is lost, so the second is sent until it has come.
  await until(
    () => {
      if (lives(runner.pid)) process.kill(runner.pid, 'SIGINT')
      return !lives(runner.pid)
    },
    { what: 'the runner to end' },
  )
  assert.is((await runner.ended).signal, 'SIGINT')
  await until(async () => (await runner.children()).length === 0, { what: 'the children to be gone' })
})

test('the handler is called once, the signal is aborted with what came, and dispose takes the listeners away', async () => {
  const before = process.listenerCount('SIGHUP')
  const seen: Termination[] = []
  const watch = onTermination((termination) => seen.push(termination))
  assert.is(watch.termination(), undefined)
  process.kill(process.pid, 'SIGHUP')
  await until(() => watch.signal.aborted, { what: 'the signal' })
  process.emit('SIGTERM')
  process.emit('SIGHUP')
  assert.equal(seen, [{ signal: 'SIGHUP', exitCode: 129 }])
  assert.equal(watch.signal.reason, { signal: 'SIGHUP', exitCode: 129 })
  assert.is(watch.termination(), seen[0])
  watch.dispose()
  assert.is(process.listenerCount('SIGHUP'), before)
})

test.run()
