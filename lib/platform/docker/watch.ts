import { setTimeout as pause } from 'node:timers/promises'
import { failed, ok, type Result } from '../../model/failure.ts'
import { type Container, inspectContainers } from './containers.ts'
import type { DockerContext } from './context.ts'
import type { Engine } from './engine.ts'
import { endText } from './state.ts'

/** Between two looks at the containers that somebody waits for. */
const lookMs = 400

/** Looks again and again at the containers that anybody of this process waits for, all in one call of the engine. */
type Watch = { ids: Map<string, number>; next: Promise<Result<Map<string, Container>>> | undefined }
const watches = new WeakMap<Engine, Watch>()

/** What containers are at the next look, by id; one that is gone is left out. Those who wait at the same time share the look. */
export async function nextLook(engine: Engine, ids: readonly string[]): Promise<Result<Map<string, Container>>> {
  const watch = watches.get(engine) ?? { ids: new Map(), next: undefined }
  watches.set(engine, watch)
  for (const id of ids) watch.ids.set(id, (watch.ids.get(id) ?? 0) + 1)
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

async function look(engine: Engine, watch: Watch): Promise<Result<Map<string, Container>>> {
  await pause(lookMs)
  watch.next = undefined
  const found = await inspectContainers(engine, [...watch.ids.keys()])
  return found.ok ? ok(new Map(found.value.map((container) => [container.id, container]))) : found
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
