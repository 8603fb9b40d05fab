const levels = ['debug', 'info', 'warn', 'error'] as const

/** How much a line weighs. */
export type Level = (typeof levels)[number]

/** Writes one JSON object a line: time, level, service, message, and the fields of the call. */
export type Log = Record<Level, (message: string, fields?: Record<string, unknown>) => void>

/** A log for one service that leaves out what is below a level. Lines go to the standard output unless `write` says otherwise. */
export function createLog(
  service: string,
  least: Level,
  write = (line: string) => void process.stdout.write(line),
): Log {
  const at =
    (level: Level) =>
    (message: string, fields: Record<string, unknown> = {}): void => {
      if (levels.indexOf(level) < levels.indexOf(least)) return
      write(`${JSON.stringify({ time: new Date().toISOString(), level, service, message, ...fields })}\n`)
    }
  return { debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/**
 * An error's text for a log line: its message, or its code where there is none (Node's error for several refused addresses
 * has an empty message).
 */
export function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.message || String((error as NodeJS.ErrnoException).code ?? error.name)
}
