import { z } from 'zod'
import { FailureError, ok, type Result } from '../../model/failure.ts'
import type { LeftContainer, LeftImage, Leftovers } from '../../model/leftovers.ts'
import type { DockerContext } from './context.ts'
import type { Engine } from './engine.ts'
import { label, labelFilters, nameBefore, ownerLabels } from './names.ts'
import { observeImages } from './observe-images.ts'
import { ReleasesVolume, releasesName } from './releases-volume.ts'

type InspectedContainer = {
  Id: string
  Name: string
  Image: string
  State: { Status: string }
  Config: { Labels: Record<string, string> | null }
  Mounts: { Type: string; Name?: string }[] | null
  NetworkSettings: { Networks: Record<string, { NetworkID: string }> | null }
}
type InspectedNetwork = { Id: string; Name: string; Containers: Record<string, unknown> | null }

/** What the environment has on its engine, for `cleanup`. A handful of calls, however much there is. */
export async function observeLeftovers(
  docker: DockerContext,
  old: () => Promise<LeftImage[]>,
  signal: AbortSignal,
): Promise<Result<Leftovers>> {
  const { engine } = docker
  const own = labelFilters(ownerLabels(docker))
  const everywhere = await inspectAll<InspectedContainer>(engine, ['ps', '--all', '--no-trunc'], 'container', signal)
  if (!everywhere.ok) return everywhere
  const owned = everywhere.value.filter(({ Config }) => isOwn(docker, Config.Labels))
  // Those of the lock and of the releases are no leftovers.
  const containers = owned.filter(({ Config }) => Config.Labels?.[label.role] === undefined).map(containerOf)
  const networks = await inspectAll<InspectedNetwork>(engine, ['network', 'ls', ...own], 'network', signal)
  if (!networks.ok) return networks
  const volumes = await engine.checked(['volume', 'ls', ...own, '--format', `{{.Name}}\t{{.Label "${label.role}"}}`], {
    signal,
  })
  if (!volumes.ok) return volumes
  const named = volumes.value.split('\n').flatMap((line) => {
    const [name = '', role = ''] = line.split('\t')
    return name === '' || role !== '' ? [] : [name]
  })
  const images = await oldImages(docker, old, new Set(everywhere.value.map(({ Image }) => Image)), signal)
  if (!images.ok) return images
  return ok({
    containers,
    networks: networks.value.map(({ Id, Name, Containers }) => ({
      id: Id,
      name: Name,
      users: [
        ...new Set([
          ...Object.keys(Containers ?? {}),
          ...everywhere.value
            .filter(({ NetworkSettings }) =>
              Object.values(NetworkSettings.Networks ?? {}).some(({ NetworkID }) => NetworkID === Id),
            )
            .map((container) => container.Id),
        ]),
      ],
    })),
    volumes: named.map((name) => ({
      name,
      users: everywhere.value.filter(({ Mounts }) => Mounts?.some((mount) => mount.Name === name)).map(({ Id }) => Id),
    })),
    ...images.value,
  })
}

const isOwn = ({ workspaceId, environment }: DockerContext, labels: Record<string, string> | null): boolean =>
  labels?.[label.workspace] === workspaceId && labels[label.environment] === environment

function containerOf({ Id, Name, State, Config, Mounts, NetworkSettings }: InspectedContainer): LeftContainer {
  const name = Name.replace(/^\//, '')
  return {
    id: Id,
    name,
    service: Config.Labels?.[label.service] ?? '',
    state: State.Status,
    kept: nameBefore(name) !== undefined,
    networks: Object.values(NetworkSettings.Networks ?? {}).map(({ NetworkID }) => NetworkID),
    volumes: (Mounts ?? []).flatMap(({ Type, Name }) => (Type === 'volume' && Name !== undefined ? [Name] : [])),
  }
}

/** Lists ids, then looks at them all at once; what is gone meanwhile is left out. */
async function inspectAll<T>(engine: Engine, list: string[], type: string, signal: AbortSignal): Promise<Result<T[]>> {
  const ids = await engine.checked([...list, '--quiet'], { signal })
  if (!ids.ok) return ids
  const each = ids.value.split('\n').filter(Boolean)
  if (each.length === 0) return ok([])
  const found = await engine.run(['inspect', '--type', type, ...each], { signal })
  return found.ok ? ok(JSON.parse(found.value.stdout.trim() || '[]') as T[]) : found
}

/** Of the images of removed releases those that the engine still has, that no container uses, and that nobody else on the engine goes back to. */
async function oldImages(
  docker: DockerContext,
  old: () => Promise<LeftImage[]>,
  used: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<Result<Pick<Leftovers, 'images' | 'imagesUnknown'>>> {
  const candidates = await old()
  if (candidates.length === 0) return ok({ images: [] })
  const others = await imagesOfOthers(docker, signal)
  if (!others.ok) return others
  if (typeof others.value === 'string') return ok({ images: [], imagesUnknown: others.value })
  const kept = others.value
  const observed = await observeImages(
    docker.engine,
    candidates.map(({ identity }) => identity),
    signal,
  )
  if (!observed.ok) return observed
  const present = candidates.filter(
    ({ identity }) => !kept.has(identity) && observed.value[identity]?.state === 'present',
  )
  const ids = await imageIds(docker.engine, present, signal)
  if (!ids.ok) return ids
  return ok({ images: present.filter((image) => !used.has(ids.value.get(image.identity) ?? '')) })
}

async function imageIds(
  engine: Engine,
  images: readonly LeftImage[],
  signal: AbortSignal,
): Promise<Result<Map<string, string>>> {
  const found = new Map<string, string>()
  for (const { identity } of images) {
    const id = await engine.run(['image', 'inspect', '--format', '{{.Id}}', identity], { signal })
    if (!id.ok) return id
    if (id.value.status === 0) found.set(identity, id.value.stdout.trim())
  }
  return ok(found)
}

const recordSchema = z.looseObject({
  release: z.looseObject({
    services: z.array(
      z.looseObject({
        spec: z
          .looseObject({
            docker: z
              .looseObject({
                images: z.record(z.string(), z.looseObject({ reference: z.string(), identity: z.string().optional() })),
              })
              .optional(),
          })
          .optional(),
      }),
    ),
  }),
})

/** What all other environments on the engine may go back to; a text says why that is not known. */
async function imagesOfOthers(docker: DockerContext, signal: AbortSignal): Promise<Result<Set<string> | string>> {
  const format = `{{.Name}}\t{{.Label "${label.workspace}"}}\t{{.Label "${label.environment}"}}`
  const filter = labelFilters({ [label.role]: 'releases' })
  const listed = await docker.engine.checked(['volume', 'ls', ...filter, '--format', format], { signal })
  if (!listed.ok) return listed
  const identities = new Set<string>()
  for (const line of listed.value.split('\n').filter(Boolean)) {
    const [name = '', workspaceId = '', environment = ''] = line.split('\t')
    if (name === releasesName(docker)) continue
    try {
      const volume = new ReleasesVolume(docker.engine, { workspaceName: workspaceId, workspaceId, environment }, name)
      for (const [key, { text, seq }] of await volume.read()) {
        if (!key.startsWith('slot-') || (text === '' && seq > 0)) continue
        for (const { spec } of recordSchema.parse(JSON.parse(text)).release.services) {
          for (const { reference, identity } of Object.values(spec?.docker?.images ?? {})) {
            identities.add(identity ?? reference)
          }
        }
      }
    } catch (error) {
      const why = error instanceof FailureError ? error.message : 'its records cannot be read'
      return ok(`which ones ${environment} of another workspace (volume ${name}) needs is not known: ${why}`)
    }
  }
  return ok(identities)
}
