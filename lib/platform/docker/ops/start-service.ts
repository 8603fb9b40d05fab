import type { ContainerSpec, Fingerprint, RunSpec } from '../../../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../../../model/failure.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Handler, OpContext, OpResult } from '../../../model/platform.ts'
import { renderCompose, startOrder } from '../compose.ts'
import { type Container, isLitter, sameParts, serviceContainers } from '../containers.ts'
import type { DockerContext } from '../context.ts'
import { keptName, nameBefore, ownerLabels } from '../names.ts'
import { composeVariables, containersOf, placeFiles } from '../prepare.ts'
import { trafficOf } from '../traffic.ts'
import { waitForContainer } from '../watch.ts'

/** Beyond the grace of a container: for KILL, and for what needs time to be gone. */
const stopMs = 20_000
const createMs = 5 * 60_000

/**
 * Makes a service's new containers beside the running ones, then stops these, keeps them under another name, and starts the new. Where what is
 * wanted is what was kept (a release that comes back), that is started again.
 */
export const startService = (docker: DockerContext): Handler<'start-service'> => ({
  async run(op, context) {
    const { service, spec, fingerprint, before } = op.data
    const containers = containersOf(spec)
    if (!containers.ok) return containers
    const found = await serviceContainers(docker, service, context.signal)
    if (!found.ok) return found
    // What was made and never started, by a run that died, is not worth keeping.
    const swept = await remove(docker, found.value.filter(isLitter), context.signal)
    if (!swept.ok) return swept
    const there = found.value.filter((one) => !isLitter(one))
    const own = there.filter(({ kept }) => !kept)
    const other = changedMeanwhile(own, before, fingerprint, service)
    if (other) return failed(other)
    if (isRunning(own, op.data)) return ok({ message: 'runs already' })
    const same = there.filter((one) => isWanted(one, op.data))
    const wanted = Object.values(containers.value.replicas).reduce((sum, count) => sum + count, 0)
    if (same.length === wanted && same.every(({ status }) => status === 'exited' || status === 'running')) {
      return comeBack(docker, spec, containers.value, { own, same }, context)
    }
    const kept = there.filter((container) => container.kept)
    return replace(docker, op, containers.value, { own, kept }, context)
  },

  async check({ data }) {
    const found = await serviceContainers(docker, data.service)
    if (!found.ok) return 'unknown'
    const own = found.value.filter(({ kept }) => !kept)
    return isRunning(own, data) ? 'done' : 'pending'
  },
})

type Wanted = OpOf<'start-service'>['data']

/** Whether a container was made of this spec, and for this release: what differs in nothing else still knows another release's number. */
const isWanted = ({ fingerprint: is, release }: Container, { spec, fingerprint }: Wanted): boolean =>
  is !== undefined &&
  sameParts(is, fingerprint) &&
  release === (spec.source.kind === 'release' ? spec.source.release : undefined)

/** Whether the containers are the wanted ones and have been started, all of them. */
const isRunning = (own: Container[], wanted: Wanted): boolean =>
  own.length > 0 &&
  own.every(
    (one) =>
      isWanted(one, wanted) &&
      (one.status === 'running' || (one.oneShot && one.status === 'exited' && one.exitCode === 0)),
  )

async function replace(
  docker: DockerContext,
  op: OpOf<'start-service'>,
  containers: ContainerSpec,
  { own: alive, kept }: { own: Container[]; kept: Container[] },
  context: OpContext,
): Promise<Result<OpResult>> {
  const { spec, service, fingerprint } = op.data
  const variables = await composeVariables(docker, spec, context.secrets)
  if (!variables.ok) return variables
  const filesFolder = await placeFiles(docker, service, containers)
  if (!filesFolder.ok) return filesFolder

  const rendered = renderCompose(spec, containers, {
    labels: ownerLabels(docker),
    fingerprint,
    run: context.run,
    filesFolder: filesFolder.value,
  })
  const scale = Object.entries(containers.replicas).flatMap(([name, count]) => {
    const there = [...alive, ...kept].filter((one) => one.composeService === name && one.project === containers.project)
    return ['--scale', `${name}=${there.length + count}`]
  })
  const created = await docker.engine.checked(
    [
      ...['compose', '--project-name', containers.project, '--project-directory', '/', '--env-file', '/dev/null'],
      ...['--file', '-', '--progress', 'quiet', 'up', '--no-start', '--no-recreate', '--pull', 'never', ...scale],
    ],
    { input: rendered, variables: variables.value.env, signal: context.signal, timeoutMs: createMs },
  )
  if (!created.ok) return failed(notMade(service, created.failures[0]))
  const now = await serviceContainers(docker, service, context.signal)
  if (!now.ok) return now
  const known = new Set([...alive, ...kept].map(({ id }) => id))
  const fresh = now.value.filter(({ id }) => !known.has(id))

  const aside = containers.overlap
    ? await holdTraffic(docker, containers, service, { alive, kept }, context)
    : await stopAll(docker, alive, context.signal)
  if (!aside.ok) return aside
  const put = await keep(docker, alive, kept, context)
  if (!put.ok) return put
  const started = await startAll(docker, spec, containers, fresh, context)
  if (!started.ok) return started
  if (alive.length === 0) return ok({})
  const how = containers.overlap ? 'go on' : 'are stopped, and kept'
  return ok({ message: `the old containers ${how} until the gate` })
}

/** The new containers have the service's name as soon as they start: until they have passed their gate, the last that did get the requests. */
async function holdTraffic(
  docker: DockerContext,
  containers: ContainerSpec,
  service: string,
  { alive, kept }: { alive: Container[]; kept: Container[] },
  { signal }: OpContext,
): Promise<Result<void>> {
  const traffic = await trafficOf(docker, service, containers, signal)
  if (!traffic.ok) return traffic
  return traffic.value.hold((kept.length > 0 ? kept : alive).filter(({ status }) => status === 'running'))
}

async function stopAll(docker: DockerContext, containers: Container[], signal: AbortSignal): Promise<Result<void>> {
  const ids = containers.filter(({ status }) => status !== 'exited').map(({ id }) => id)
  if (ids.length === 0) return ok(undefined)
  const stopped = await docker.engine.checked(['stop', ...ids], { signal, timeoutMs: stopMs + 10 * 60_000 })
  return stopped.ok ? ok(undefined) : stopped
}

/** Keeps the containers that were there, or removes them where better ones are kept already: those were the last to pass a gate. */
async function keep(
  docker: DockerContext,
  alive: Container[],
  kept: Container[],
  { signal, run, output }: OpContext,
): Promise<Result<void>> {
  if (alive.length === 0) return ok(undefined)
  if (kept.length > 0) return remove(docker, alive, signal)
  for (const { id, name } of alive) {
    const renamed = await docker.engine.checked(['rename', id, keptName(name, run)], { signal })
    if (!renamed.ok) return renamed
  }
  output(`kept: ${alive.map(({ name }) => name).join(', ')}`)
  return ok(undefined)
}

/** Starts containers in the order that their Compose file says, each after what it waits for. */
async function startAll(
  docker: DockerContext,
  spec: RunSpec,
  containers: ContainerSpec,
  fresh: Container[],
  { signal }: OpContext,
): Promise<Result<void>> {
  const deadline = AbortSignal.timeout(spec.health.deadlineMs)
  for (const { name, waits } of startOrder(containers)) {
    for (const { name: needed, condition } of waits) {
      for (const { id } of fresh.filter(({ composeService }) => composeService === needed)) {
        const waited = await waitForContainer(docker, id, condition, AbortSignal.any([signal, deadline]))
        if (!waited.ok) return failed({ ...waited.failures[0], service: spec.service })
      }
    }
    const ids = fresh.filter(({ composeService }) => composeService === name).map(({ id }) => id)
    if (ids.length === 0) continue
    const started = await docker.engine.checked(['start', ...ids], { signal, timeoutMs: createMs })
    if (!started.ok) return failed(notStarted(spec, started.failures[0]))
  }
  return ok(undefined)
}

/** What is wanted is there, stopped or kept: it is started again, and what took its place is removed. */
export async function comeBack(
  docker: DockerContext,
  spec: RunSpec,
  containers: ContainerSpec,
  { own, same }: { own: Container[]; same: Container[] },
  context: OpContext,
): Promise<Result<OpResult>> {
  const { engine } = docker
  const { signal } = context
  const others = own.filter((one) => !same.includes(one))
  const traffic = await trafficOf(docker, spec.service, containers, signal)
  if (!traffic.ok) return traffic
  const held = await traffic.value.hold(same.filter(({ status }) => status === 'running'))
  if (!held.ok) return held
  const running = others.filter(({ status }) => status === 'running' || status === 'restarting').map(({ id }) => id)
  if (running.length > 0) {
    const stopped = await engine.checked(['stop', ...running], { signal, timeoutMs: stopMs + 10 * 60_000 })
    if (!stopped.ok) return stopped
  }
  const removed = await remove(docker, others, signal)
  if (!removed.ok) return removed
  for (const { id, name } of same) {
    const before = nameBefore(name)
    if (before === undefined) continue
    const renamed = await engine.checked(['rename', id, before], { signal })
    if (!renamed.ok) return renamed
  }
  const stopped = same.filter(({ oneShot, exitCode }) => !(oneShot && exitCode === 0))
  const started = await startAll(docker, spec, containers, stopped, context)
  if (!started.ok) return started
  // What the file of today does not have any more has no place in its order.
  const names = new Set(startOrder(containers).map(({ name }) => name))
  const rest = stopped.filter(({ composeService, status }) => !names.has(composeService) && status !== 'running')
  if (rest.length > 0) {
    const others = await engine.checked(['start', ...rest.map(({ id }) => id)], { signal, timeoutMs: createMs })
    if (!others.ok) return failed(notStarted(spec, others.failures[0]))
  }
  const free = await traffic.value.free()
  return free.ok ? ok({ message: 'the containers that were there run again' }) : free
}

/** Removes containers with their anonymous volumes, which nothing else could ever use again; named volumes stay. */
export async function remove(
  docker: DockerContext,
  containers: Container[],
  signal?: AbortSignal,
): Promise<Result<void>> {
  if (containers.length === 0) return ok(undefined)
  const removed = await docker.engine.run(
    ['rm', '--force', '--volumes', ...containers.map(({ id }) => id)],
    signal ? { signal } : {},
  )
  if (!removed.ok) return removed
  const { status, stderr } = removed.value
  // One that somebody else has removed is removed.
  const others = stderr
    .split('\n')
    .filter((line) => line.trim() !== '' && !/No such container|already in progress/i.test(line))
  return status === 0 || others.length === 0
    ? ok(undefined)
    : failed({ code: 'engine-refused', message: others.at(-1) as string, lines: others })
}

/** What an op was planned against is not what runs any more; undefined where it is, or where its work is done. */
export function changedMeanwhile(
  own: Container[],
  before: Fingerprint | null,
  fingerprint: Fingerprint | undefined,
  service: string,
): Failure | undefined {
  const up = own.filter(({ status }) => status === 'running')
  if (up.length === 0) return undefined
  const is = up[0]?.fingerprint
  const same = (wanted: Fingerprint | null | undefined) => wanted && is && sameParts(is, wanted)
  if (same(before) || same(fingerprint)) return undefined
  // What nobody can tell the parts of is `{}` in a plan.
  if (before !== null && Object.keys(before).length === 0) return undefined
  return {
    code: 'changed-meanwhile',
    message:
      before === null
        ? `${service} was started by somebody else since the plan was made`
        : `${service} was replaced by somebody else since the plan was made`,
    service,
    next: ['run the command again: it plans anew'],
    outcome: 'unchanged',
  }
}

const notMade = (service: string, failure: Failure): Failure => ({
  ...failure,
  code: failure.code === 'engine-refused' ? 'containers-not-made' : failure.code,
  message:
    failure.code === 'engine-refused'
      ? `the containers of ${service} could not be made: ${failure.message}`
      : failure.message,
  service,
})

const notStarted = ({ service }: RunSpec, failure: Failure): Failure => ({
  ...failure,
  code: /port is already allocated|address already in use/i.test(failure.message)
    ? 'port-in-use'
    : 'containers-not-started',
  message: `${service} could not be started: ${failure.message}`,
  service,
})
