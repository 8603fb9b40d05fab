import { type Failure, failed, ok, type Result } from '../../../model/failure.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Handler, OpContext, OpResult } from '../../../model/platform.ts'
import type { Probe } from '../../../model/probe.ts'
import { runGate } from '../../local/gate-run.ts'
import type { Attempt } from '../../local/supervisor/health.ts'
import { gateFailed } from '../../service-failures.ts'
import { type Container, serviceContainers } from '../containers.ts'
import type { DockerContext } from '../context.ts'
import { gatedContainers, ownHealth } from '../gated.ts'
import { lastLines } from '../logs.ts'
import { attemptIn, probeTargetOf, type Reached } from '../probes.ts'
import { nextLook } from '../watch.ts'

/** How many of its last log lines a failed gate shows. */
const shownLines = 50

/**
 * Waits until every container of a service is ready: its own health check, and the catalogue's probes on each replica. A crash loop, an end, `unhealthy`
 * or want of memory is said at once, with the last log lines.
 */
export const waitGate = (docker: DockerContext): Handler<'wait-gate'> => ({
  async run(op, context) {
    const found = await serviceContainers(docker, op.data.service, context.signal)
    if (!found.ok) return found
    return waitFor(
      docker,
      op,
      found.value.filter(({ kept }) => !kept),
      context,
    )
  },

  async check({ data: { service, spec } }) {
    const found = await serviceContainers(docker, service)
    if (!found.ok) return 'unknown'
    const state = gatedContainers(found.value.filter(({ kept }) => !kept))
    return spec.oneShot && state.kind === 'finished' ? 'done' : 'unknown'
  },
})

async function waitFor(
  docker: DockerContext,
  { data: { service, spec } }: OpOf<'wait-gate'>,
  first: Container[],
  context: OpContext,
): Promise<Result<OpResult>> {
  const { engine, clock } = docker
  const ids = first.map(({ id }) => id)
  let own = first
  let ended = false
  let lost: Failure | undefined
  let wake = () => {}
  const looking = (async () => {
    while (!ended && lost === undefined && ids.length > 0) {
      const looked = await nextLook(engine, ids)
      const before = JSON.stringify(gatedContainers(own))
      if (looked.ok) own = ids.flatMap((id) => looked.value.get(id) ?? [])
      else lost = looked.failures[0]
      if (lost || JSON.stringify(gatedContainers(own)) !== before) wake()
    }
  })()
  const ways = new Map<string, Reached>()
  const { passes, intervalMs, deadlineMs, probes } = spec.health
  const begin = clock.now()
  try {
    const end = await runGate(
      { passes, intervalMs, deadlineMs, oneShot: spec.oneShot },
      {
        process: () =>
          lost
            ? { kind: 'dead', cause: lost.message }
            : own.length < ids.length
              ? { kind: 'dead', cause: 'somebody has removed it meanwhile' }
              : gatedContainers(own),
        changed: () =>
          new Promise((resolve) => {
            wake = resolve
          }),
        attempt: async (signal) => {
          const health = ownHealth(own)
          if (health && !health.passed) return health
          const asked = await attemptEach(docker, spec, own, probes as Probe[], ways, { ...context, signal })
          return asked ?? health ?? { passed: true, message: 'alive' }
        },
        progress: ({ passed, message }) => context.output(passed ? message : `not ready yet: ${message}`),
      },
      clock,
      context.signal,
    )
    if (!end) return failed(givenUp(service))
    const { verdict, gate } = end
    if (verdict.kind === 'failed') return failed(await gateFailure(docker, service, verdict.cause, own))
    const seconds = `${((clock.now() - begin) / 1000).toFixed(1)}s`
    return ok({
      message: gate.rule.oneShot
        ? `ran to its end, waited ${seconds}`
        : `ready after ${seconds}, ${gate.attempts} attempts`,
    })
  } finally {
    ended = true
    // The look that is under way tells nothing any more.
    void looking
    await Promise.all([...ways.values()].map((way) => way.close()))
  }
}

/** The catalogue's probes on each container that they are about; undefined where there are no probes. */
async function attemptEach(
  docker: DockerContext,
  spec: OpOf<'wait-gate'>['data']['spec'],
  own: Container[],
  probes: Probe[],
  ways: Map<string, Reached>,
  { signal, secrets }: Pick<OpContext, 'signal' | 'secrets'>,
): Promise<Attempt | undefined> {
  const asked = own.filter(({ composeService, status }) => composeService === spec.docker?.main && status === 'running')
  if (probes.length === 0 || asked.length === 0) return undefined
  const attempts = await Promise.all(
    asked.map(async (container): Promise<Attempt> => {
      const key = `${container.id} ${container.startedAt}`
      let way = ways.get(key)
      if (!way) {
        const reached = await probeTargetOf(docker, spec, container, secrets)
        if (!reached.ok) return { passed: false, message: reached.failures[0].message }
        way = reached.value
        ways.set(key, way)
      }
      const attempt = await attemptIn(docker, probes, way, container, signal)
      return asked.length > 1 ? { ...attempt, message: `${container.name}: ${attempt.message}` } : attempt
    }),
  )
  return attempts.find(({ passed }) => !passed) ?? attempts[0]
}

const givenUp = (service: string): Failure => ({
  code: 'aborted',
  message: `the gate of ${service} was given up, because the command was interrupted`,
  service,
})

async function gateFailure(docker: DockerContext, service: string, cause: string, own: Container[]): Promise<Failure> {
  const lines = await lastLines(docker, own, shownLines)
  return gateFailed(service, cause, lines)
}
