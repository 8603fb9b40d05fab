import { readFileSync } from 'node:fs'

/** What a service reads its settings from; `process.env` outside tests. */
export type Variables = Record<string, string | undefined>

/** Says everything that is wrong with the settings at once. */
export class SettingsError extends Error {
  override readonly name = 'SettingsError'
  readonly problems: string[]

  constructor(problems: string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

const unitSeconds = { ms: 0.001, s: 1, m: 60, h: 3600 } as const

/**
 * Reads typed settings from environment variables and collects every problem, so that a person mends them in one go. A value
 * may also lie in a file that `<NAME>_FILE` names, as Docker and Kubernetes mount secrets. Call `check()` at the end.
 */
export class Settings {
  readonly #variables: Variables
  readonly #problems: string[] = []

  constructor(variables: Variables) {
    this.#variables = variables
  }

  /** A text, or undefined when it is unset or empty. */
  text(name: string): string | undefined {
    const file = this.#variables[`${name}_FILE`]
    if (!file) return this.#variables[name] || undefined
    try {
      return readFileSync(file, 'utf8').trim() || undefined
    } catch (error) {
      this.#problems.push(`${name}_FILE names ${file}, which cannot be read: ${(error as Error).message}`)
      return undefined
    }
  }

  /** An address with one of the schemes, e.g. `redis:`. The value itself is never shown: it may hold a password. */
  address(name: string, schemes: string[]): URL | undefined {
    const value = this.text(name)
    if (value === undefined) return undefined
    const address = URL.canParse(value) ? new URL(value) : undefined
    if (address && schemes.includes(address.protocol)) return address
    this.#problems.push(
      `${name} is not an address that starts with ${schemes.map((scheme) => `${scheme}//`).join(' or ')}`,
    )
    return undefined
  }

  /** As `address`; a missing one is a problem, explained by `meaning`. */
  requiredAddress(name: string, schemes: string[], meaning: string): URL {
    const before = this.#problems.length
    const address = this.address(name, schemes)
    if (!address && this.#problems.length === before) this.#problems.push(`${name} is missing: ${meaning}`)
    return address ?? new URL('missing:')
  }

  /** A whole number within bounds, both included. */
  integer(name: string, byDefault: number, least: number, most: number): number {
    const value = this.text(name)
    if (value === undefined) return byDefault
    const number = Number(value)
    if (/^\d+$/.test(value) && number >= least && number <= most) return number
    this.#problems.push(`${name} is '${value}', which is not a whole number from ${least} to ${most}`)
    return byDefault
  }

  /** A span of time like `500ms`, `30s`, `5m` or `1h`, in milliseconds. */
  duration(name: string, byDefault: string): number {
    const value = this.text(name) ?? byDefault
    const [, amount, unit] = /^(\d+)(ms|s|m|h)$/.exec(value) ?? []
    if (amount && unit && Number(amount) > 0)
      return Number(amount) * unitSeconds[unit as keyof typeof unitSeconds] * 1000
    this.#problems.push(`${name} is '${value}', which is not a span of time like 500ms, 30s or 5m`)
    return 0
  }

  /** One of a few words. */
  choice<T extends string>(name: string, choices: readonly T[], byDefault: T): T {
    const value = this.text(name)
    if (value === undefined) return byDefault
    const choice = choices.find((candidate) => candidate === value)
    if (!choice) this.#problems.push(`${name} is '${value}', which is none of ${choices.join(', ')}`)
    return choice ?? byDefault
  }

  /** Throws a `SettingsError` when anything was wrong. */
  check(): void {
    if (this.#problems.length > 0) throw new SettingsError(this.#problems)
  }
}

/** What every service here is told. */
export type CommonSettings = {
  host: string
  port: number
  databaseUrl: URL
  logLevel: 'debug' | 'info' | 'warn' | 'error'
  /** The release's number; undefined outside a release. */
  release: string | undefined
  /** The revision of the source that the release was built from. */
  revision: string | undefined
}

/** Reads what every service here is told; `PORT` 0 takes a free port. */
export function commonSettings(settings: Settings, defaultPort: number): CommonSettings {
  return {
    host: settings.text('HOST') ?? '127.0.0.1',
    port: settings.integer('PORT', defaultPort, 0, 65_535),
    databaseUrl: settings.requiredAddress(
      'DATABASE_URL',
      ['postgres:', 'postgresql:'],
      'the address of PostgreSQL, like postgres://user:password@127.0.0.1:5432/endpoint_statistics',
    ),
    logLevel: settings.choice('LOG_LEVEL', ['debug', 'info', 'warn', 'error'], 'info'),
    release: settings.text('RELEASE'),
    revision: settings.text('REVISION'),
  }
}
