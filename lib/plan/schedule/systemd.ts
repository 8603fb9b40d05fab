import type { CronTimes } from './cron.ts'
import type { ScheduledCommand } from './scheduled.ts'

const dayNames = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']

/**
 * The calendar events of a cron schedule, in UTC: one line, or two where both day fields are restricted, because cron fires on either and systemd on both.
 *
 * @see systemd.time(7): https://manpages.debian.org/bookworm/systemd/systemd.time.7.en.html
 */
export function calendarEvents(times: CronTimes): string[] {
  const { restricted } = times
  const time = `${values(times.hours, 0, 23)}:${values(times.minutes, 0, 59)}:00 UTC`
  const months = values(times.months, 1, 12)
  const event = (days: string, week: string) => `${week}*-${months}-${days} ${time}`
  const days = values(times.daysOfMonth, 1, 31)
  const week = times.daysOfWeek.length === 7 ? '' : `${times.daysOfWeek.map((day) => dayNames[day]).join(',')} `
  if (restricted.daysOfMonth && restricted.daysOfWeek) return [event(days, ''), event('*', week)]
  return [event(days, week)]
}

/** `*`, or the values with runs of them as ranges: `1..5,8`. */
function values(all: readonly number[], from: number, to: number): string {
  if (all.length === to - from + 1) return '*'
  const runs: [number, number][] = []
  for (const value of all) {
    const run = runs.at(-1)
    if (run && run[1] === value - 1) run[1] = value
    else runs.push([value, value])
  }
  return runs.map(([first, last]) => (first === last ? two(first) : `${two(first)}..${two(last)}`)).join(',')
}

const two = (value: number): string => String(value).padStart(2, '0')

/** A service and its timer: the contents of two unit files, by name. */
export function systemdUnits(command: ScheduledCommand, times: CronTimes): Record<string, string> {
  const { name, description, folder, argv } = command
  const service = [
    '[Unit]',
    `Description=${escaped(description)}`,
    'Wants=network-online.target',
    'After=network-online.target',
    '',
    '[Service]',
    'Type=oneshot',
    // Not quoted: systemd takes the rest of the line.
    `WorkingDirectory=${escaped(folder)}`,
    `ExecStart=${argv.map(word).join(' ')}`,
    ...(command.path === undefined ? [] : [`Environment=${word(`PATH=${command.path}`)}`]),
    'Nice=10',
    'IOSchedulingClass=idle',
    // The command itself ends what it has started; it is not to be cut off in the middle of that.
    'KillMode=mixed',
    'TimeoutStopSec=90',
    '',
  ]
  const timer = [
    '[Unit]',
    `Description=When: ${escaped(description)}`,
    '',
    '[Timer]',
    ...calendarEvents(times).map((event) => `OnCalendar=${event}`),
    'RandomizedDelaySec=60',
    // What was missed while the machine was off is made up for.
    'Persistent=true',
    '',
    '[Install]',
    'WantedBy=timers.target',
    '',
  ]
  return { [`${name}.service`]: service.join('\n'), [`${name}.timer`]: timer.join('\n') }
}

/** `%` begins a specifier everywhere in a unit. */
const escaped = (text: string): string => text.replaceAll('%', '%%')

/** A word of a command line. @see systemd.service(5), "Command lines" */
const word = (text: string): string =>
  /^[\w@+=:,./-]+$/.test(text)
    ? text
    : `"${escaped(text)
        .replaceAll('\\', '\\\\')
        .replaceAll('"', '\\"')
        .replaceAll('$', () => '$$')}"`
