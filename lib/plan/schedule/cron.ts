import { failed, ok, type Result } from '../../model/failure.ts'

/** The times that a line of cron means: for each field the values at which it fires, ascending. Days of the week count from 0, Sunday. */
export type CronTimes = {
  minutes: number[]
  hours: number[]
  daysOfMonth: number[]
  months: number[]
  daysOfWeek: number[]
  /** Whether the field was restricted (is no `*`): cron fires on either of the two day fields when both are. */
  restricted: { daysOfMonth: boolean; daysOfWeek: boolean }
}

const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']
const dayNames = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat']

type Field = { name: string; from: number; to: number; names?: readonly string[]; firstName?: number }

const fields = [
  { name: 'minute', from: 0, to: 59 },
  { name: 'hour', from: 0, to: 23 },
  { name: 'day of the month', from: 1, to: 31 },
  { name: 'month', from: 1, to: 12, names: monthNames, firstName: 1 },
  // 7 is Sunday as well.
  { name: 'day of the week', from: 0, to: 7, names: dayNames, firstName: 0 },
] as const satisfies readonly Field[]

const shorthands: Record<string, string> = {
  '@hourly': '0 * * * *',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@weekly': '0 0 * * 0',
  '@monthly': '0 0 1 * *',
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
}

/**
 * Reads the five fields of a line of cron, or one of its words (`@daily`). Fails with `schedule-invalid`, which names the field.
 *
 * @see crontab(5): https://manpages.debian.org/bookworm/cron/crontab.5.en.html
 */
export function parseCron(line: string): Result<CronTimes> {
  const words = (shorthands[line.trim().toLowerCase()] ?? line).trim().split(/\s+/)
  if (words.length !== 5)
    return invalid(line, `it has ${words.length === 1 && words[0] === '' ? 'no' : words.length} fields, and not five`)
  const values: number[][] = []
  for (const [index, field] of fields.entries()) {
    const read = readField(words[index] as string, field)
    if (typeof read === 'string') return invalid(line, `the ${field.name} ${JSON.stringify(words[index])}: ${read}`)
    values.push(read)
  }
  const [minutes, hours, daysOfMonth, months, week] = values as [number[], number[], number[], number[], number[]]
  const daysOfWeek = [...new Set(week.map((day) => day % 7))].sort((a, b) => a - b)
  // As cron has it: a field that begins with a star does not restrict, with a step neither.
  const restricts = (index: number) => !words[index]?.startsWith('*')
  return ok({
    minutes,
    hours,
    daysOfMonth,
    months,
    daysOfWeek,
    restricted: { daysOfMonth: restricts(2), daysOfWeek: restricts(4) },
  })
}

const invalid = (line: string, why: string) =>
  failed({
    code: 'schedule-invalid',
    message: `${JSON.stringify(line)} is no schedule`,
    outcome: 'unchanged',
    why: `${why}; expected minute, hour, day of the month, month, day of the week, as in "30 2 * * *"`,
  })

/** The values of a field, or what is wrong with it. */
function readField(text: string, field: Field): number[] | string {
  const values = new Set<number>()
  for (const item of text.split(',')) {
    const match = /^(?:(\*)|(\w+)(?:-(\w+))?)(?:\/(\d+))?$/.exec(item)
    if (!match) return 'expected a number, a range, a list or a step'
    const [, star, first, last, step] = match
    const from = star ? field.from : numberOf(first as string, field)
    if (from === undefined) return `${first} is not between ${field.from} and ${field.to}`
    const to = star ? field.to : last === undefined ? (step === undefined ? from : field.to) : numberOf(last, field)
    if (to === undefined) return `${last} is not between ${field.from} and ${field.to}`
    if (to < from) return `${item} ends before it begins`
    if (step !== undefined && Number(step) === 0) return 'a step of 0 never comes'
    for (let value = from; value <= to; value += Number(step ?? 1)) values.add(value)
  }
  return [...values].sort((a, b) => a - b)
}

function numberOf(word: string, { from, to, names, firstName = 0 }: Field): number | undefined {
  const named = names?.indexOf(word.toLowerCase()) ?? -1
  const value = named >= 0 ? named + firstName : /^\d+$/.test(word) ? Number(word) : Number.NaN
  return value >= from && value <= to ? value : undefined
}
