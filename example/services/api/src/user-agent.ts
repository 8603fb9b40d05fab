/** What kind of program asked. */
export type UserAgentClass = 'browser' | 'bot' | 'tool' | 'unknown'

/** Sorts a `User-Agent` header coarsely; bots first, since most of them also call themselves Mozilla. */
export function userAgentClass(userAgent: string): UserAgentClass {
  if (/bot\b|crawl|spider|slurp|preview/i.test(userAgent)) return 'bot'
  if (/^(curl|wget|httpie|python-requests|go-http-client|node|axios|okhttp)\b/i.test(userAgent)) return 'tool'
  if (/^Mozilla\//.test(userAgent)) return 'browser'
  return 'unknown'
}
