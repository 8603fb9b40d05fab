/**
 * Finds every host that a program could read out of a configured text, and tells loopback from others. Parsers disagree on malformed
 * addresses, so where two readings are possible both are returned: a rehearsal is refused when any of them leaves the machine.
 */

/** Names of variables whose value is an address by itself. */
const addressKey =
  /(HOSTS?|HOSTNAMES?|HOSTADDR|SERVERS?|BROKERS?|NODES?|PEERS?|URLS?|URIS?|ADDRESS|ADDRESSES|ADDRS?|ENDPOINTS?|DSNS?|PROXY|ORIGINS?)$/i
/** Of them, those whose value may be a name without a dot: `REDIS_HOST=redis`. */
const hostKey = /(HOSTS?|HOSTNAMES?|HOSTADDR|SERVERS?|BROKERS?|NODES?|PEERS?)$/i

/** The hosts in a text, as written but for percent-encoding. `key` is the name of the variable that has it, or empty. */
export function hostsIn(key: string, text: string): string[] {
  const hosts = new Set<string>()
  // WHATWG parsers drop tabs and line breaks inside of an address; others end at them.
  for (const reading of new Set([text, text.replace(/[\t\r\n]/g, '')])) {
    for (const host of [...inUrls(reading), ...inPairs(reading), ...inHostPorts(reading), ...inUserInfo(reading)]) {
      hosts.add(host)
    }
    if (addressKey.test(key)) for (const host of inAddressVariable(key, reading)) hosts.add(host)
  }
  return [...hosts].flatMap(decoded).filter((host) => host !== '')
}

/** Authorities of `scheme://…`, `//…`, and of `https:…`, which browsers' parsers read like `https://…`. */
function inUrls(text: string): string[] {
  const starts = [
    ...text.matchAll(/[a-z][a-z0-9+.-]*:\/\//gi),
    ...text.matchAll(/\b(?:https?|wss?|ftp):[\\/]*/gi),
    ...text.matchAll(/(?<=^|[\s,;"'=(])[\\/]{2,}/g),
  ]
  return starts.flatMap((start) => {
    const rest = text.slice(start.index + start[0].length)
    // A backslash, `?` or `#` ends the authority for some parsers and is user information for others.
    return [/^[^/?#\\\s"'<>`]*/, /^[^/?#\s"'<>`]*/, /^[^/\s"'<>`]*/].flatMap((pattern) =>
      hostsOfAuthority(pattern.exec(rest)?.[0] ?? ''),
    )
  })
}

/** `user:password@host:port,other:port`: the hosts. With more than one `@`, what follows each of them. */
function hostsOfAuthority(authority: string): string[] {
  const [first, ...afterAt] = authority.split('@')
  const places = afterAt.length > 0 ? afterAt : [first as string]
  return places.flatMap((place) => place.split(',')).map(withoutPort)
}

/** `[::1]:80` → `::1`, `host:80` → `host`, `host` → `host`. */
function withoutPort(text: string): string {
  const bracketed = /^\[([^\]]*)\]/.exec(text)
  if (bracketed) return bracketed[1] as string
  // More than one colon and no brackets: an IPv6 address as it is.
  return text.split(':').length > 2 ? text : text.replace(/:.*$/, '')
}

const pairNames = 'host|hostaddr|hostname|server|data source|address|addr|endpoint|pghost|pghostaddr|proxy'

/** `host=a,b port=…` (libpq, `?host=`), `Server=tcp:a,1433` (SQL Server), `"host": "a"` (JSON), `mysql:host=a` (PDO). */
function inPairs(text: string): string[] {
  const pattern = new RegExp(`(?:^|[\\s;&?,:{("'])(?:${pairNames})["']?\\s*[=:]\\s*("[^"]*"|'[^']*'|[^\\s;&})]*)`, 'gi')
  return [...text.matchAll(pattern)].flatMap((match) => {
    const value = (match[1] as string).replace(/^["']|["']$/g, '').replace(/^(tcp|np|lpc|admin):/i, '')
    return value
      .split(',')
      .filter((part, index) => index === 0 || !/^\s*\d+\s*$/.test(part))
      .map((part) => withoutPort(part.trim()))
      .filter((host) => !host.includes('://'))
  })
}

/** `host:port` anywhere but as user information. Times and ratios (`12:30`) are none; a number of five digits may be an IP address. */
function inHostPorts(text: string): string[] {
  const pattern =
    /(?<![\w.%@/-])(\[[0-9a-f:.%]+\]|[\p{L}\p{N}_%](?:[\p{L}\p{N}_.%-]*[\p{L}\p{N}_%.])?):(\d{1,5})(?![\w.@])/giu
  return [...text.replace(/\b\d{4}-\d\d-\d\dT\d\d:[\d:.]+/g, '').matchAll(pattern)]
    .map(([, host]) => withoutPort(host as string))
    .filter((host) => /\D|\d{5}/.test(host))
}

/** `user:password@host`, `user:password@tcp(host)`, `git@host:path`; a plain e-mail address is none of them. */
function inUserInfo(text: string): string[] {
  const withPassword = /(?<![\w.])(?!mailto:)[^\s:@/,;"'=(]*:[^\s@/,;"']*@(?:[a-z]+\()?(\[[^\]\s]+\]|[^\s:/,;?#)"']+)/gi
  const withPath = /(?:^|[\s"'=,;])[\w.-]+@(\[[^\]\s]+\]|[\w.-]+):(?!\d+(?:\D|$))/g
  return [...text.matchAll(withPassword), ...text.matchAll(withPath)]
    .map((match) => withoutPort(match[1] as string))
    .flatMap((host) => host.split('@'))
}

/** The value of a variable that is an address by its name. */
function inAddressVariable(key: string, text: string): string[] {
  return text
    .split(/[\s,;|]+/)
    .map((part) => part.replace(/^["'([]+(?=[^:\]]*$)|["')]+$/g, ''))
    .filter((part) => part !== '' && !part.includes('://') && !part.startsWith('/') && !part.includes('='))
    .flatMap((part) => hostsOfAuthority(part.replace(/[/?#].*$/s, '')))
    .filter((host) => (hostKey.test(key) ? /[\p{L}\p{N}]/u.test(host) : looksLikeHost(host)))
}

/** A name with a dot, or an IP address in any notation; a bare word in a variable of type URL is none. */
function looksLikeHost(host: string): boolean {
  return (
    /[\p{L}\p{N}]\.[\p{L}\p{N}%]/u.test(host) ||
    host.includes(':') ||
    /^(0x[0-9a-f]+|\d{5,10})$/i.test(host) ||
    /%/.test(host)
  )
}

/** A host with its percent-encoding undone, as often as that changes it. */
function decoded(host: string): string[] {
  let current = host
  for (let round = 0; round < 3 && current.includes('%'); round += 1) {
    try {
      const next = decodeURIComponent(current)
      if (next === current) break
      current = next
    } catch {
      return [host]
    }
  }
  // Decoding may bring user information or a port to light.
  return current === host
    ? [host]
    : current.startsWith('/')
      ? [current]
      : hostsOfAuthority(current.replace(/[/?#\\].*$/s, ''))
}

/**
 * Whether a host is this machine and nothing else: `localhost`, 127.0.0.0/8 in any notation that all parsers read alike, `::1` (also as an IPv4
 * address mapped into IPv6), a path of a Unix socket.
 */
export function isLoopback(host: string): boolean {
  const name = host.toLowerCase().replace(/\.$/, '')
  if (name.startsWith('/') || name.startsWith('@/') || name === 'localhost') return true
  if (name.includes(':')) return isLoopback6(name)
  return isLoopback4(name)
}

function isLoopback6(host: string): boolean {
  if (!/^[0-9a-f:.]+$/.test(host)) return false
  try {
    const { hostname } = new URL(`http://[${host}]/`)
    return hostname === '[::1]' || /^\[::ffff:7f[0-9a-f]{2}:[0-9a-f]{1,4}\]$/.test(hostname)
  } catch {
    return false
  }
}

/** inet_aton's notations: 1 to 4 numbers, hexadecimal with `0x`; octal ones are refused, because half of the parsers read them as decimal. */
function isLoopback4(host: string): boolean {
  const parts = host.split('.')
  if (parts.length > 4 || !parts.every((part) => /^(0|[1-9]\d*|0x[0-9a-f]+)$/.test(part))) return false
  const numbers = parts.map(Number)
  const last = numbers.pop() as number
  if (numbers.some((number) => number > 255) || last >= 256 ** (4 - numbers.length)) return false
  const address = numbers.reduce((sum, number, index) => sum + number * 256 ** (3 - index), 0) + last
  return Math.floor(address / 256 ** 3) === 127
}
