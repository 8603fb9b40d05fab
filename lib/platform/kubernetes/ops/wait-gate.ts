import { type Failure, FailureError, failed, ok, type Result } from '../../../model/failure.ts'
import { type KubernetesObject, referenceKey } from '../../../model/kubernetes-object.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Handler, OpContext, OpResult } from '../../../model/platform.ts'
import type { KubernetesContext } from '../context.ts'
import { type Inventory, readInventory } from '../inventory.ts'
import { podLines } from '../logs.ts'
import { Gate, type GateVerdict, verdictLines } from '../readiness/index.ts'
import { isClusterKind } from '../shape.ts'
import { targetsOf } from '../verdicts.ts'
import { watchedAround, watchedIn, watchResource } from '../watch.ts'

/** How long a cause that may heal may stand: what nobody mends within this is not worth the whole deadline. */
const defaultPatienceMs = 45_000

/** How many of its last log lines a failed gate shows. */
const shownLines = 50

/** Waits until everything of a service is ready, from watches; or fails with the cause as soon as there is proof of it. */
export const waitGate = (cluster: KubernetesContext): Handler<'wait-gate'> => ({
  async run(op, context) {
    try {
      const inventory = await readInventory(cluster, op.data.service)
      if (!inventory)
        return failed({
          code: 'gate-failed',
          message: `${op.data.service} is not on the cluster`,
          service: op.data.service,
        })
      return await waitFor(cluster, op, inventory, context)
    } catch (error) {
      if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
      throw error
    }
  },

  // Whether it is ready is only known by watching it anew.
  check: async () => 'unknown',
})

async function waitFor(
  cluster: KubernetesContext,
  { data }: OpOf<'wait-gate'>,
  inventory: Inventory,
  context: OpContext,
): Promise<Result<OpResult>> {
  const { service, spec } = data
  const targets = targetsOf({ objects: inventory.gated ?? inventory.objects })
  if (targets.length === 0) return ok({ message: 'nothing to wait for' })
  const before = cluster.before.get(service)
  const begun = cluster.clock.now()
  const gate = new Gate({
    targets: targets.map((reference) => {
      const generation = inventory.generations[referenceKey(reference)]
      return { reference, ...(generation !== undefined && { generation }) }
    }),
    before: (before?.objects ?? []) as KubernetesObject[],
    openedAt: before?.at ?? begun,
    deadline: spec.health.deadlineMs + (begun - (before?.at ?? begun)),
    patience: spec.kubernetes?.patienceMs ?? defaultPatienceMs,
    ...(inventory.settleMs !== undefined && { window: inventory.settleMs }),
  })
  const stop = new AbortController()
  const signal = AbortSignal.any([stop.signal, context.signal])
  let wake = () => {}
  const kindsIn = new Map<string, Set<string>>()
  for (const { namespace = 'default', kind } of targets.filter(({ kind }) => !isClusterKind(kind)))
    kindsIn.set(namespace, (kindsIn.get(namespace) ?? new Set()).add(kind))
  const watched = [
    ...[...kindsIn].flatMap(([namespace, kinds]) => watchedIn(namespace, kinds)),
    ...watchedAround(new Set(targets.map(({ kind }) => kind))),
  ]
  const watches = watched.map((one) =>
    watchResource(
      cluster.kubectl,
      one,
      {
        list: (objects, { kind, namespace }) => {
          gate.relist(kind, objects, cluster.clock.now(), namespace)
          wake()
        },
        event: (event) => {
          gate.observe(event, cluster.clock.now())
          wake()
        },
        broken: (why) => context.output(`a watch broke off and begins anew: ${why}`),
      },
      signal,
    ),
  )
  try {
    const verdict = await settled(cluster, gate, context, (set) => {
      wake = set
    })
    if (!verdict)
      return failed({
        code: 'aborted',
        message: `the gate of ${service} was given up, because the command was interrupted`,
        service,
      })
    if (verdict.state === 'ready')
      return ok({ message: `ready after ${((cluster.clock.now() - begun) / 1000).toFixed(1)}s` })
    return failed(await gateFailure(cluster, service, inventory, verdict))
  } finally {
    stop.abort()
    await Promise.all(watches)
  }
}

/** Looks at the gate at every event, and when it asks to be looked at again. Undefined when the signal was aborted before it ended. */
async function settled(
  cluster: KubernetesContext,
  gate: Gate,
  { signal, output }: OpContext,
  onWake: (wake: () => void) => void,
): Promise<GateVerdict | undefined> {
  let said = ''
  while (!signal.aborted) {
    const woken = new Promise<void>((resolve) => onWake(resolve))
    const now = cluster.clock.now()
    const verdict = gate.verdict(now)
    if (verdict.state === 'ready' || verdict.state === 'failed') return verdict
    const line = verdictLines(verdict)[0] ?? ''
    if (line !== said && verdict.state === 'waiting') output(line)
    said = line
    const stop = new AbortController()
    const either = AbortSignal.any([stop.signal, signal])
    const sleep = cluster.clock.sleep(Math.max(1, (verdict.wakeAt ?? now + 1_000) - now), either).catch(() => {})
    await Promise.race([sleep, woken])
    stop.abort()
  }
  return undefined
}

async function gateFailure(
  cluster: KubernetesContext,
  service: string,
  inventory: Inventory,
  verdict: GateVerdict,
): Promise<Failure> {
  const bad = verdict.targets.filter(({ state }) => state !== 'ready')
  const [first] = bad.filter(({ state }) => state === 'failed').concat(bad)
  const events = bad.flatMap(({ events }) => events)
  const pods = bad.flatMap(({ pods, reference }) =>
    pods.map((pod) => ({ pod, namespace: reference.namespace ?? 'default' })),
  )
  const logs = await podLines(cluster, pods.slice(0, 2), shownLines)
  const lines = [...verdictLines(verdict), ...events.slice(-10), ...logs]
  return {
    code: 'gate-failed',
    message: `${service} did not become ready: ${first?.cause ?? first?.message ?? 'it was not ready in time'}`,
    service,
    ...(pods.length > 0 && { why: `pods ${pods.map(({ pod }) => pod).join(', ')}` }),
    ...(lines.length > 0 && { lines }),
    next: [
      `task services logs ${service}`,
      `kubectl describe pods -n ${inventory.objects.find(({ namespace }) => namespace)?.namespace ?? 'default'}`,
    ],
  }
}
