import { failed, ok, type Result } from '../../model/failure.ts'
import { type Container, inspectContainers } from './containers.ts'
import type { DockerContext } from './context.ts'
import type { Engine } from './engine.ts'
import { hearEvents } from './engine-http.ts'
import { endText } from './state.ts'

/** Between two looks at the containers that somebody waits for, where the engine says nothing meanwhile. */
const lookMs = 400
/** And where it has said something while the look before was under way. */
const coalescedMs = 20

/**
 * Looks again and again at the containers that anybody of this process waits for, all in one call of the engine: every now and then, and as soon as the engine says
 * that something has happened to one of them.
 */
type Watch = {
  ids: Map<string, number>
  next: Promise<Result<Map<string, Container>>> | undefined
  /** Ends the pause before the next look. */
  wake(): void
  /** Something has happened since the last look began. */
  stale: boolean
  hearing: AbortController | undefined
}
const watches = new WeakMap<Engine, Watch>()

/** What containers are at the next look, by id; one that is gone is left out. Those who wait at the same time share the look. */
export async function nextLook(engine: Engine, ids: readonly string[]): Promise<Result<Map<string, Container>>> {
  const watch = watches.get(engine) ?? newWatch()
  watches.set(engine, watch)
  for (const id of ids) watch.ids.set(id, (watch.ids.get(id) ?? 0) + 1)
  hear(engine, watch)
  watch.next ??= look(engine, watch)
  try {
    return await watch.next
  } finally {
    for (const id of ids) {
      const left = (watch.ids.get(id) ?? 1) - 1
      if (left > 0) watch.ids.set(id, left)
      else watch.ids.delete(id)
    }
  }
}

const newWatch = (): Watch => ({
  ids: new Map(),
  next: undefined,
  wake: () => {},
  stale: false,
  hearing: undefined,
})

async function look(engine: Engine, watch: Watch): Promise<Result<Map<string, Container>>> {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, watch.stale ? coalescedMs : lookMs)
    watch.wake = () => {
      clearTimeout(timer)
      resolve()
    }
  })
  watch.stale = false
  watch.next = undefined
  const found = await inspectContainers(engine, [...watch.ids.keys()])
  return found.ok ? ok(new Map(found.value.map((container) => [container.id, container]))) : found
}

/** What changes how a container stands; what is run inside for its health checks is not among it. */
const events = ['start', 'die', 'oom', 'health_status', 'destroy', 'pause', 'unpause', 'rename']

/** From the first wait on; the connection keeps no process alive. Where it is lost, or is none, the looks come as they did. */
function hear(engine: Engine, watch: Watch): void {
  if (engine.socket === undefined || watch.hearing) return
  watch.hearing = new AbortController()
  const filters = encodeURIComponent(JSON.stringify({ type: ['container'], event: events }))
  hearEvents(engine.socket, `/events?filters=${filters}`, {
    signal: watch.hearing.signal,
    heard: (event) => {
      const { id } = event as { id?: string }
      if (id === undefined || !watch.ids.has(id)) return
      watch.stale = true
      watch.wake()
    },
  })
}

/** Waits until a container is what another one of its Compose file waits for (`service_healthy`, `service_completed_successfully`). */
export async function waitForContainer(
  { engine }: DockerContext,
  id: string,
  condition: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  if (condition === 'service_started') return ok(undefined)
  for (;;) {
    const looked = await nextLook(engine, [id])
    if (!looked.ok) return looked
    const container = looked.value.get(id)
    if (!container) return failed({ code: 'gate-failed', message: 'the container was removed by somebody else' })
    const ended = container.status === 'exited' || container.status === 'dead'
    if (condition === 'service_healthy' && container.health === 'healthy') return ok(undefined)
    if (condition === 'service_completed_successfully' && ended && container.exitCode === 0) return ok(undefined)
    if (ended) return failed({ code: 'gate-failed', message: `${container.name} ${endText(container)}` })
    if (container.health === 'unhealthy') {
      return failed({ code: 'gate-failed', message: `${container.name} is unhealthy: ${container.healthOutput ?? ''}` })
    }
    if (signal.aborted) {
      return failed({ code: 'gate-failed', message: `${container.name} did not become ${condition.slice(8)} in time` })
    }
  }
}
