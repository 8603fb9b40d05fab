import { setTimeout as pause } from 'node:timers/promises'
import { failed, ok, type Result } from '../../../model/failure.ts'
import type { ProxyAdapter, ProxyPlace, ProxyTarget } from './port.ts'

/** What its configuration includes: `<service>.upstream` in `http`, `<service>.location` where `$route` is set. In memory. */
const folder = '/tmp/routes'
/** While this file is there, its configuration answers 503. On a volume. */
const maintenanceFile = '/var/lib/maintenance/on'
/** How long nginx may take to have new workers after a reload. */
const reloadMs = 30_000
const lookEveryMs = 100

/** nginx: routes are files that its configuration includes, and a reload. See docs/proxy.md for what the configuration must have. */
export const nginx: ProxyAdapter = {
  async targets(place, service) {
    const [first] = place.containers
    const read = await exec(place, first, 'cat "$1/$2.upstream" 2>/dev/null || true', [folder, service])
    if (!read.ok) return read
    const found = parse(read.value)
    return ok(found.length > 0 ? found : undefined)
  },

  async add(place, service, added) {
    return change(place, service, (before) => [
      ...before.filter((one) => !isAmong(added, one)),
      ...added.map(({ name, address }) => ({ name, address })),
    ])
  },

  async drain(place, service, drained, deadlineMs) {
    const before = await nginx.targets(place, service)
    if (!before.ok) return before
    const left = (before.value ?? []).filter((one) => !one.draining && !isAmong(drained, one))
    if (left.length === 0) {
      return failed({
        code: 'nothing-left',
        message: `without ${drained.map(({ name }) => name).join(', ')} nobody would get the requests for ${service}`,
        service,
        outcome: 'unchanged',
      })
    }
    const workers = await workersOf(place)
    if (!workers.ok) return workers
    const changed = await change(place, service, (all) =>
      all.map((one) => (isAmong(drained, one) ? { ...one, draining: true as const } : one)),
    )
    if (!changed.ok) return changed
    // The workers that knew the drained ones end with their last request.
    const old = new Set(workers.value.map(({ pid }) => pid))
    for (const end = performance.now() + deadlineMs; ; await pause(lookEveryMs)) {
      const now = await workersOf(place)
      if (!now.ok) return now
      if (!now.value.some(({ pid }) => old.has(pid))) return ok({ drained: true })
      if (performance.now() >= end) return ok({ drained: false })
    }
  },

  async remove(place, service, removed) {
    return change(place, service, (before) => before.filter((one) => !isAmong(removed, one)))
  },

  async maintenance(place, on) {
    const script = on ? ': >"$1"' : 'rm -f "$1"'
    for (const container of place.containers) {
      // The volume is root's.
      const done = await exec(place, container, script, [maintenanceFile], { root: true })
      if (!done.ok) return done
    }
    return ok(undefined)
  },

  async inMaintenance(place) {
    const [first] = place.containers
    const answer = await exec(place, first, '[ -f "$1" ] && echo on || true', [maintenanceFile])
    return answer.ok ? ok(answer.value.trim() === 'on') : answer
  },
}

const isAmong = (targets: readonly ProxyTarget[], { name, address }: ProxyTarget): boolean =>
  targets.some((one) => one.name === name && one.address === address)

/** Writes the routes of a service into every container of the proxy, and waits until its workers go by them. */
async function change(
  place: ProxyPlace,
  service: string,
  to: (before: ProxyTarget[]) => ProxyTarget[],
): Promise<Result<void>> {
  const before = await nginx.targets(place, service)
  if (!before.ok) return before
  const wanted = to(before.value ?? [])
  const text = wanted.length > 0 ? render(service, wanted) : ''
  // What was there already is written again: the run that wrote it may have died before the reload.
  const workers = await workersOf(place)
  if (!workers.ok) return workers
  for (const container of place.containers) {
    const written = await exec(place, container, write, [folder, service], { input: text })
    if (!written.ok) {
      const [{ why, ...failure }] = written.failures
      return failed({
        ...failure,
        code: 'proxy-refused',
        message: `the proxy refuses the routes of ${service}`,
        ...(why !== undefined && { why }),
      })
    }
  }
  return followed(place, new Set(workers.value.map(({ pid }) => pid)))
}

/** Puts both files there or takes both away, has nginx look at the whole, and goes back when it does not like them. */
const write = `
set -eu
mkdir -p "$1"
cd "$1"
cat >"$2.new"
for end in upstream location; do rm -f "$2.before-$end"; [ ! -e "$2.$end" ] || cp "$2.$end" "$2.before-$end"; done
if [ -s "$2.new" ]; then
  mv "$2.new" "$2.upstream"
  printf 'set $route %s.pinned;\\n' "$2" >"$2.location"
else
  rm -f "$2.new" "$2.upstream" "$2.location"
fi
if ! nginx -t -q; then
  for end in upstream location; do if [ -e "$2.before-$end" ]; then mv "$2.before-$end" "$2.$end"; else rm -f "$2.$end"; fi; done
  exit 1
fi
for end in upstream location; do rm -f "$2.before-$end"; done
nginx -s reload
`

const render = (service: string, targets: readonly ProxyTarget[]): string =>
  [
    `upstream ${service}.pinned {`,
    // One that does not answer is passed over, and never left out for a while: of two, the other may be the next to go.
    ...targets.map(
      ({ name, address, draining }) => `  server ${address} ${draining ? 'down' : 'max_fails=0'}; # ${name}`,
    ),
    '}',
    '',
  ].join('\n')

const parse = (text: string): ProxyTarget[] =>
  [...text.matchAll(/^ {2}server (\S+) (down|max_fails=0); # (.+)$/gm)].map(([, address = '', state, name = '']) => ({
    name,
    address,
    ...(state === 'down' && { draining: true as const }),
  }))

type Worker = { pid: string; isEnding: boolean }

/** The worker processes of all containers, as the engine's host shows them. */
async function workersOf({ engine, containers, signal }: ProxyPlace): Promise<Result<Worker[]>> {
  const workers: Worker[] = []
  for (const container of containers) {
    const top = await engine.checked(['top', container], signal ? { signal } : {})
    if (!top.ok) return top
    const [head = '', ...lines] = top.value.split('\n')
    const column = head.trim().split(/\s+/).indexOf('PID')
    for (const line of lines) {
      const [, ending] = /nginx: worker process( is shutting down)?/.exec(line) ?? []
      if (!line.includes('nginx: worker process')) continue
      workers.push({ pid: line.trim().split(/\s+/)[Math.max(0, column)] ?? '', isEnding: ending !== undefined })
    }
  }
  return ok(workers)
}

/** Waits until every worker from before takes no new connection, and others are there. */
async function followed(place: ProxyPlace, before: ReadonlySet<string>): Promise<Result<void>> {
  for (const end = performance.now() + reloadMs; ; await pause(lookEveryMs)) {
    const now = await workersOf(place)
    if (!now.ok) return now
    const fresh = now.value.filter(({ pid, isEnding }) => !before.has(pid) && !isEnding)
    const stale = now.value.filter(({ pid, isEnding }) => before.has(pid) && !isEnding)
    if (fresh.length >= place.containers.length && stale.length === 0) return ok(undefined)
    if (performance.now() >= end) {
      return failed({
        code: 'proxy-did-not-follow',
        message: `the proxy did not take its new routes within ${reloadMs / 1000} s`,
        next: place.containers.map((container) => `docker logs --tail 20 ${container.slice(0, 12)}`),
      })
    }
  }
}

/** Runs a script in a container; its arguments are `$1`, `$2` … */
function exec(
  { engine, signal }: ProxyPlace,
  container: string,
  script: string,
  args: readonly string[],
  options: { input?: string; root?: boolean } = {},
): Promise<Result<string>> {
  const { input, root } = options
  return engine.checked(
    [
      'exec',
      ...(input === undefined ? [] : ['--interactive']),
      ...(root ? ['--user', '0'] : []),
      container,
      ...['sh', '-c', script, 'sh', ...args],
    ],
    { ...(input === undefined ? {} : { input }), ...(signal && { signal }) },
  )
}
