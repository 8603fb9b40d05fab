import type { Failure } from '../model/failure.ts'
import type { Finding } from '../model/finding.ts'
import type { LogEvent } from './events.ts'

/**
 * How the operations take their environment. Whoever says what to type next (a probe, a migration, a lock) mostly does not know which environment it
 * works for, so what they say is completed in one place, on its way to people and to the journal.
 */
const operations: Readonly<Record<string, { flag?: true; needed?: true; commands?: readonly string[] }>> = {
  setup: {},
  'health-check': {},
  deploy: { needed: true },
  rollback: { needed: true },
  releases: {},
  resume: {},
  abort: {},
  migrate: { commands: ['up', 'status'] },
  services: { flag: true, commands: ['up', 'down', 'restart', 'status', 'logs'] },
}

/** The environment that needs no name where an operation does not require one: the default of their arguments. */
const usual = 'dev'

/** A command line up to its comment or to the next command of the text: `task deploy --yes`. */
const commandLine = /(^|, or |— |: )task ((?:(?!, or |,? +#|, | — )[^\n])+)/g

/**
 * Commands of operations (`task services up api   # why`) with the environment and the platform they are about. What names them stays; the name of a
 * rehearsal's state (`production@local`) becomes the words that the command line takes. All other text stays as it is. Idempotent.
 * @param environment `dev`, or `production@local` for a rehearsal
 */
export function inEnvironment(text: string, environment: string): string {
  const [name = environment, platform] = environment.split('@')
  return text.replace(commandLine, (whole, before: string, words: string) => {
    const [operation = '', ...rest] = words.trimEnd().split(/ +/)
    const kind = Object.hasOwn(operations, operation) ? operations[operation] : undefined
    if (!kind) return whole
    const command = rest[0] !== undefined && kind.commands?.includes(rest[0]) ? rest.splice(0, 1) : []
    const given = rest.map((word) => (word === environment ? name : word))
    const where = kind.flag ? withFlag(given, name, platform) : withName(given, name, platform, kind.needed)
    const rehearsal = platform === undefined || where.includes('--platform') ? [] : ['--platform', platform]
    return `${before}task ${[operation, ...command, ...where, ...rehearsal].join(' ')}`
  })
}

function withFlag(words: string[], name: string, platform: string | undefined): string[] {
  const says = words.some((word) => word === '-e' || /^--environment(=|$)/.test(word))
  return says || (name === usual && platform === undefined) ? words : [...words, '-e', name]
}

/** The environment is the first of the words that are no flags, and stands in front. */
function withName(words: string[], name: string, platform: string | undefined, needed?: true): string[] {
  const [first] = words
  if (first !== undefined && !first.startsWith('-')) return words
  return !needed && name === usual && platform === undefined ? words : [name, ...words]
}

/** A failure whose next commands name their environment. */
export const failureInEnvironment = (failure: Failure, environment: string): Failure =>
  failure.next === undefined
    ? failure
    : { ...failure, next: failure.next.map((line) => inEnvironment(line, environment)) }

/** A finding whose mend names its environment. */
export const findingInEnvironment = (finding: Finding, environment: string): Finding =>
  finding.mend === undefined ? finding : { ...finding, mend: inEnvironment(finding.mend, environment) }

/** An event whose commands name their environment: the mends and notes of a plan, the next commands of a failure. */
export function eventInEnvironment(event: LogEvent, environment: string): LogEvent {
  if (event.type === 'op-ended' && event.failure) {
    return { ...event, failure: failureInEnvironment(event.failure, environment) }
  }
  if (event.type !== 'plan-shown') return event
  const { plan } = event
  return {
    ...event,
    plan: { ...plan, notes: plan.notes.map((note) => inEnvironment(note, environment)) },
    findings: event.findings.map((finding) => findingInEnvironment(finding, environment)),
  }
}
