import type { Cause } from './rule.ts'

const denied =
  /unauthorized|authentication required|authorization failed|access denied|denied|forbidden|no basic auth|\b40[13]\b/i
const absent = /not ?found|manifest unknown|name unknown|does not exist|\b404\b/i
const noAnswer =
  /connection refused|connection reset|no such host|i\/o timeout|timeout|timed out|deadline exceeded|network is unreachable|no route to host|EOF|TLS handshake|server misbehaving|temporary failure|\b(429|50[0234])\b|toomanyrequests/i

/**
 * Why an image is not pulled, from what the runtime said. Registries answer 401 with "repository does not exist or may require
 * authorization", so that is looked for first. What is missing or refused does not come by waiting; everything else may.
 */
export function pullCause(message: string): Cause {
  const because = (why: string, mayHeal: boolean): Cause => ({ text: `image cannot be pulled: ${why}`, mayHeal })
  if (/no match for platform|no matching manifest/i.test(message)) return because('not built for this platform', false)
  if (noAnswer.test(message)) return because('registry does not answer', true)
  if (denied.test(message)) return because('authentication required', false)
  if (absent.test(message)) return because('not found', false)
  return because(message === '' ? 'no reason given' : firstLine(message), true)
}

/** The first line of a text, 200 characters at most. */
export function firstLine(text: string): string {
  const line = (text.split('\n', 1)[0] ?? '').trim()
  return line.length > 200 ? `${line.slice(0, 199)}…` : line
}
