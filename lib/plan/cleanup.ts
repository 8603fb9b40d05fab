import type { Finding } from '../model/finding.ts'
import type { LeftContainer, Leftovers } from '../model/leftovers.ts'
import type { Op, OpId, OpOf } from '../model/op.ts'
import type { Plan } from '../model/plan.ts'
import type { Release } from '../model/release.ts'

const timeoutMs = 120_000

/** What `task cleanup` is told, and what it goes by. */
export type CleanupOptions = {
  environment: string
  /** The services that the catalogue has in the environment now. */
  services: readonly string[]
  /** Oldest first. */
  releases: readonly Release[]
  current: number | undefined
  /** Named volumes too, with all that is in them. */
  volumes: boolean
  /** On a cluster: claims of StatefulSets and namespaces too, with everything in them. */
  pruneData?: boolean
}

/**
 * Removes what nobody needs: containers that no service of the environment runs, then the networks that nobody is on any more, named volumes that no
 * container uses (where that is asked for), and images that no kept release has; on a cluster the values, and where that is asked for the claims, that no
 * kept release has.
 */
export function planCleanup(left: Leftovers, options: CleanupOptions): Plan {
  const { environment, releases, current } = options
  const record = releases.find(({ number }) => number === current)
  const wanted = new Set([...options.services, ...(record?.services ?? []).map(({ service }) => service)])
  const isUnderWay = releases.at(-1)?.outcome === 'pending'
  const findings: Finding[] = []
  const notes: string[] = []

  const removals = new Map<string, OpOf<'remove-leftover'>>()
  for (const container of left.containers) {
    const cause = causeOf(container, wanted, environment)
    if (cause === undefined) continue
    if (container.kept && isUnderWay) {
      findings.push(comesBack(container, environment))
      continue
    }
    const { id, name, service, state } = container
    const running = !['created', 'exited', 'dead'].includes(state)
    removals.set(id, {
      ...removal(`remove:${name}`, cause, []),
      service,
      data: { what: 'container', id, name, running },
    })
  }

  const afterUsers = (users: readonly string[]): OpId[] | undefined =>
    users.every((id) => removals.has(id)) ? users.map((id) => (removals.get(id) as Op).id) : undefined
  const ops: Op[] = [...removals.values()]
  for (const { id, name, users } of left.networks) {
    const after = afterUsers(users)
    if (after)
      ops.push({ ...removal(`network:${name}`, 'nobody is on it', after), data: { what: 'network', id, name } })
  }
  const unused = left.volumes.flatMap(({ name, users }) => {
    const after = afterUsers(users)
    return after ? [{ name, after }] : []
  })
  if (options.volumes) {
    for (const { name, after } of unused) {
      const op = removal(`volume:${name}`, 'no container uses it', after)
      ops.push({ ...op, destructive: true, data: { what: 'volume', name } })
    }
  } else if (unused.length > 0) {
    notes.push(
      `volumes that no container uses stay: ${unused.map(({ name }) => name).join(', ')} (--volumes removes them)`,
    )
  }
  const inUse = new Set(releases.flatMap(imagesOf).map(({ identity }) => identity))
  for (const { reference, identity } of left.images) {
    if (inUse.has(identity)) continue
    // A container that goes may be the last to use it.
    const op = removal(
      `image:${shortOf(reference, identity)}`,
      'no kept release has it',
      [...removals.values()].map(({ id }) => id),
    )
    ops.push({ ...op, data: { what: 'image', reference, identity } })
  }
  const claims: string[] = []
  const held: string[] = []
  for (const { kind, namespace, name, data } of left.objects ?? []) {
    const { id, cause, ...rest } = removal(`object:${kind}:${namespace}:${name}`, 'no kept release has it', [])
    const op = { ...rest, id, cause, kind: 'remove-object' as const, data: { kind, namespace, name } }
    if (data) {
      const why = kind === 'Namespace' ? 'no kept release uses it, and no pod runs in it' : undefined
      if (options.pruneData) ops.push({ ...op, cause: why ?? 'its StatefulSet is gone', destructive: true })
      else held.push(kind === 'Namespace' ? `namespace ${name}` : `${namespace}/${name}`)
    } else if (kind !== 'PersistentVolumeClaim') ops.push(op)
    else if (options.volumes || options.pruneData)
      ops.push({ ...op, cause: 'no kept release has it, and no pod mounts it', destructive: true })
    else claims.push(`${namespace}/${name}`)
  }
  if (claims.length > 0)
    notes.push(`claims that no kept release has stay: ${claims.join(', ')} (--volumes removes them, with their data)`)
  if (held.length > 0)
    notes.push(`what holds data of services that are gone stays: ${held.join(', ')} (--prune-data removes it)`)
  if (left.imagesUnknown !== undefined) notes.push(`images stay: ${left.imagesUnknown}`)
  return { operation: 'cleanup', environment, ops, findings, notes }
}

/** The images that a release runs, by what they are; of a built one of which no more is known its name says that, which comes from its content. */
export const imagesOf = (release: Release): { reference: string; identity: string }[] =>
  release.services.flatMap(({ spec }) =>
    Object.values(spec?.docker?.images ?? {}).flatMap(({ reference, identity, built }) =>
      identity === undefined && !built ? [] : [{ reference, identity: identity ?? reference }],
    ),
  )

function causeOf(
  { service, state, kept }: LeftContainer,
  wanted: ReadonlySet<string>,
  environment: string,
): string | undefined {
  if (kept) return 'it was replaced'
  if (!wanted.has(service)) return `${environment} has no service ${service} any more`
  return state === 'created' ? 'it was never started' : undefined
}

const removal = (id: OpId, cause: string, after: OpId[]) => ({
  id,
  kind: 'remove-leftover' as const,
  after,
  cause,
  changes: true,
  timeoutMs,
})

const shortOf = (reference: string, identity: string): string =>
  `${reference}@${identity.replace(/^.*sha256:/, '').slice(0, 12)}`

const comesBack = ({ service, name }: LeftContainer, environment: string): Finding => ({
  rule: 'deploy-unfinished',
  severity: 'warning',
  service,
  message: `${name} stays: a deploy has not ended, and ${service} comes back with it`,
  mend: `task resume ${environment}, or task abort ${environment}`,
})
