import { type TableView, table } from '../../lib/log/table.ts'
import { formatDuration } from '../../lib/model/duration.ts'
import type { ServiceState } from '../../lib/model/snapshot.ts'
import { addressesOf, type ShownService } from './addresses.ts'

/** A word (`running`, `healthy` and so on) in the colours of a traffic light. */
export function painted(word: string, view: TableView): string {
  if (!view.color) return word
  const colour = { running: 32, healthy: 32, error: 31, unhealthy: 31, pending: 33, unknown: 33, stopped: 90 }[word]
  return colour === undefined ? word : `\u001b[${colour}m${word}\u001b[39m`
}

/** Services with their status, health, ports, uptime and restarts, in the catalogue's order. */
export function statusTable(
  states: ServiceState[],
  desired: { services: readonly ShownService[] },
  view: TableView,
): string {
  const rows = desired.services.map(({ name, unavailable }) => {
    const state = states.find(({ service }) => service === name)
    if (unavailable !== undefined && !state?.pid) return [name, 'unavailable', '', '', '', '', unavailable]
    if (!state) return [name, painted('stopped', view), '', '', '', '', '']
    return [
      name,
      painted(state.status, view),
      state.status === 'stopped' ? '' : painted(state.health, view),
      addressesOf(desired, name, state.pid === undefined ? undefined : state.ports).join(' '),
      state.uptimeMs === undefined ? '' : formatDuration(state.uptimeMs),
      String(state.restarts),
      state.reason ??
        (state.status === 'stopped' ? '' : state.release ? `release ${state.release}` : source(desired, name)),
    ]
  })
  return table(['service', 'status', 'health', 'address', 'up', 'restarts', 'note'], rows, view)
}

const source = (desired: { services: readonly ShownService[] }, name: string): string =>
  desired.services.find((entry) => entry.name === name)?.spec?.command ? 'working tree' : ''
