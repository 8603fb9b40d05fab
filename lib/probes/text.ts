const longestMessage = 300

/**
 * One line for a person: control characters and line ends become blanks, the given secrets become `[redacted]`, and what is longer than
 * 300 characters is cut.
 */
export function oneLine(text: string, secrets: readonly string[] = []): string {
  let line = text
  // Longest first, so that a secret that holds another is not left in half.
  for (const secret of [...secrets].sort((a, b) => b.length - a.length)) {
    if (secret.length > 0) line = line.replaceAll(secret, '[redacted]')
  }
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not reach a terminal
  line = line.replace(/[\u0000-\u001f\u007f-\u009f\s]+/g, ' ').trim()
  return line.length > longestMessage ? `${line.slice(0, longestMessage - 1)}…` : line
}

/** An address as it may be shown: without user, password, fragment and query (which may hold tokens). */
export function shownUrl(url: URL): string {
  return `${url.protocol}//${url.host}${url.pathname}${url.search ? '?…' : ''}`
}

/** The parts of an address that must not be shown, as written and decoded. */
export function urlSecrets(url: URL): string[] {
  const parts = [url.password, ...url.searchParams.values(), url.search.slice(1)]
  return [...new Set(parts.flatMap((part) => [part, decoded(part)]))].filter((part) => part.length >= 4)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const reasons: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset by the other side',
  EPIPE: 'connection closed by the other side',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'network unreachable',
  ENOTFOUND: 'the name does not resolve',
  EAI_AGAIN: 'the name service does not answer',
  ETIMEDOUT: 'connection timed out',
  EACCES: 'permission denied',
  ENOENT: 'no such file',
}

/** Why a connection failed, in words. `address` (host:port) is named. */
export function connectionProblem(error: unknown, address: string): string {
  // With several addresses for one name, Node gives an AggregateError without a text of its own.
  const first = error instanceof AggregateError ? error.errors[0] : error
  const { code, message } = (first ?? {}) as { code?: string; message?: string }
  return `${(code && reasons[code]) || message || code || 'connection failed'} (${address})`
}

/** `host:port`, with brackets around an IPv6 address. */
export function hostPort(host: string, port: number | string): string {
  return `${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${port}`
}
