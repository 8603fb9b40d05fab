import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { unwrap } from '../../../lib/model/failure.ts'
import { type CronTimes, parseCron } from '../../../lib/plan/schedule/cron.ts'
import { calendarEvents } from '../../../lib/plan/schedule/systemd.ts'
import { run, skip } from '../../support/index.ts'

const why = (line: string) => {
  const result = parseCron(line)
  return result.ok ? 'it is one' : result.failures[0].why
}

test('fields are numbers, names, ranges, lists and steps', () => {
  const times = unwrap(parseCron('*/20 1-3,22 5 JAN,6-7 mon-fri/2'))
  assert.equal(times.minutes, [0, 20, 40])
  assert.equal(times.hours, [1, 2, 3, 22])
  assert.equal(times.daysOfMonth, [5])
  assert.equal(times.months, [1, 6, 7])
  assert.equal(times.daysOfWeek, [1, 3, 5])
  assert.equal(unwrap(parseCron('0 0 * * 5-7')).daysOfWeek, [0, 5, 6])
  assert.equal(unwrap(parseCron('5/20 0 * * *')).minutes, [5, 25, 45])
  assert.equal(unwrap(parseCron('@weekly')), unwrap(parseCron('0 0 * * sun')))
})

test('what is no schedule is refused, with the field', () => {
  const expected = '; expected minute, hour, day of the month, month, day of the week, as in "30 2 * * *"'
  assert.is(why('30 2 * *'), `it has 4 fields, and not five${expected}`)
  assert.is(why(''), `it has no fields, and not five${expected}`)
  assert.is(why('60 2 * * *'), `the minute "60": 60 is not between 0 and 59${expected}`)
  assert.is(why('0 2 * foo *'), `the month "foo": foo is not between 1 and 12${expected}`)
  assert.is(why('0 5-2 * * *'), `the hour "5-2": 5-2 ends before it begins${expected}`)
  assert.is(why('*/0 2 * * *'), `the minute "*/0": a step of 0 never comes${expected}`)
  assert.is(why('0 2 ? * *'), `the day of the month "?": expected a number, a range, a list or a step${expected}`)
})

/** Whether cron fires in a minute, as crontab(5) says. */
function fires(times: CronTimes, at: Date): boolean {
  const day = times.daysOfMonth.includes(at.getUTCDate())
  const week = times.daysOfWeek.includes(at.getUTCDay())
  const both = times.restricted.daysOfMonth && times.restricted.daysOfWeek
  return (
    times.minutes.includes(at.getUTCMinutes()) &&
    times.hours.includes(at.getUTCHours()) &&
    times.months.includes(at.getUTCMonth() + 1) &&
    (both ? day || week : day && week)
  )
}

test('systemd fires when cron does', async () => {
  const base = Date.UTC(2026, 1, 26, 23, 57)
  for (const line of [
    '30 2 * * *',
    '*/15 8-18 * * 1-5',
    '0 4 1,15 * *',
    '0 4 13 * fri',
    '59 23 * 2-12/3 0,6',
    '7 * * * *',
  ]) {
    const times = unwrap(parseCron(line))
    const expected: string[] = []
    for (let at = base + 60_000; expected.length < 12; at += 60_000)
      if (fires(times, new Date(at))) expected.push(new Date(at).toISOString().slice(0, 16))
    const found = new Set<string>()
    for (const event of calendarEvents(times)) {
      const argv = ['systemd-analyze', 'calendar', '--iterations=12', `--base-time=@${base / 1000}`, event] as const
      const { stdout, stderr, status } = await run([...argv], { env: { TZ: 'UTC' } }).catch(() =>
        skip('systemd-analyze is not installed'),
      )
      assert.is(status, 0, stderr)
      for (const [, date, time] of stdout.matchAll(/(\d{4}-\d\d-\d\d) (\d\d:\d\d):00 UTC/g))
        found.add(`${date}T${time}`)
    }
    assert.equal([...found].sort().slice(0, 12), expected, line)
  }
})

test.run()
