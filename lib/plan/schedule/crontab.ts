import type { ScheduledCommand } from './scheduled.ts'

/**
 * Lines for a crontab of a user. Debian's cron knows no time zone but the machine's own, so the first line says what the schedule means.
 *
 * @param schedule the five fields, in UTC
 * @see crontab(5): `%` is a line break in a command, and `\%` is one of its own
 */
export function crontabLines(command: ScheduledCommand, schedule: string): string {
  const { description, folder, argv, path } = command
  const words = path === undefined ? argv : ['env', `PATH=${path}`, ...argv]
  const line = `cd ${quoted(folder)} && ${words.map(quoted).join(' ')}`.replaceAll('%', '\\%')
  return `# ${description}. Times are UTC: on a machine with another time zone, move them.\n${schedule} ${line}\n`
}

/** A word of a shell's command line. */
const quoted = (text: string): string => (/^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`)
