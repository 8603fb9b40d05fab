import type { PortUse, RunSpec, Value } from '../model/desired.ts'

/** Around a port's number while texts are resolved: characters that Unicode keeps for private use, with a form that no text has by chance. */
const open = '\u{E0F1}'
const close = '\u{E0F2}'
const pattern = new RegExp(`${open}([^/${close}]*)/([^=${close}]*)=(\\d+)${close}`, 'gu')

/** A port's number with whose it is, to be found again by `settlePorts`. An empty service is the one that the text belongs to. */
export const markPort = (service: string, port: string, number: number): string =>
  `${open}${service}/${port}=${number}${close}`

/** A value without marks. */
export const withoutMarks = (value: Value): Value =>
  typeof value === 'string'
    ? value.replace(pattern, '$3')
    : value.map((part) => (typeof part === 'string' ? part.replace(pattern, '$3') : part))

/**
 * A spec whose texts hold plain numbers again, with a list of where they stand: a record of it can be run on other ports.
 * @param declared the number that the configuration gives a port, by service and port name; undefined for one that cannot be moved
 */
export function settlePorts(spec: RunSpec, declared: (service: string, port: string) => number | undefined): RunSpec {
  const uses: PortUse[] = []
  const settle = (value: unknown, path: (string | number)[]): unknown => {
    if (typeof value === 'string') return settleText(value, path)
    if (Array.isArray(value)) return value.map((entry, index) => settle(entry, [...path, index]))
    if (value === null || typeof value !== 'object') return value
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, settle(entry, [...path, key])]))
  }
  const settleText = (marked: string, path: (string | number)[]): string => {
    let text = ''
    let read = 0
    for (const { 0: whole, 1: owner = '', 2: port = '', 3: number = '', index } of marked.matchAll(pattern)) {
      text += marked.slice(read, index)
      read = index + whole.length
      const service = owner === '' ? spec.service : owner
      const own = declared(service, port)
      if (own !== undefined) {
        uses.push({ path, from: text.length, to: text.length + number.length, service, port, declared: own })
      }
      text += number
    }
    return text + marked.slice(read)
  }
  const { command, environment, health } = spec
  const settled = {
    ...spec,
    environment: settle(environment, ['environment']) as RunSpec['environment'],
    health: { ...health, probes: settle(health.probes, ['health', 'probes']) as RunSpec['health']['probes'] },
    ...(command && { command: settle(command, ['command']) as string[] }),
  }
  return uses.length > 0 ? { ...settled, portUses: uses } : settled
}
