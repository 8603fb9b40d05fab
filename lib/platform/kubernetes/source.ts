import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, posix } from 'node:path'
import type { Desired } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import type { ObservedSource } from '../../model/snapshot.ts'
import { shapeOf } from '../../plan/kubernetes/manifest-shape.ts'
import { removeTree } from '../../system/files.ts'
import { type Contexts, exportSourceTo, observeSource, treePrefix } from '../local/source.ts'
import { imagesIn } from './images.ts'
import { digestOf } from './names.ts'
import { type Rendered, renderAll, type ToRender } from './render.ts'

/** What this process has rendered: planning again, and keeping it with the release, must not render anew. */
const known = new Map<string, Rendered>()

const keyOf = (folder: string, environment: string, commit: string, services: ToRender[]): string =>
  digestOf([folder, environment, commit, services.map(({ service, manifests }) => [service, manifests.manifests])])

/** The services of an environment that have manifests. */
export const toRender = (desired: Pick<Desired, 'services'>): ToRender[] =>
  desired.services.flatMap(({ name, spec }) =>
    spec?.kubernetes ? [{ service: name, manifests: spec.kubernetes }] : [],
  )

/**
 * Looks at the files that a deploy would take. A service's artefact is a digest of its rendered manifests: what does not change them changes nothing.
 * Failures: those of git and of rendering.
 */
export async function observeManifests(
  folder: string,
  desired: Desired,
  options: { revision?: string; allowDirty: boolean },
  signal: AbortSignal,
): Promise<Result<ObservedSource>> {
  const source = await observeSource(folder, buildContexts(desired), options)
  if (!source.ok) return source
  const rendered = await renderSource(folder, desired.configuredAs, source.value, toRender(desired), signal)
  if (!rendered.ok) return rendered
  const artefacts = Object.fromEntries(
    Object.entries(rendered.value).map(([service, objects]) => [service, digestOf(objects)]),
  )
  const shapes = Object.fromEntries(
    toRender(desired).map(({ service, manifests }) => [
      service,
      shapeOf(service, rendered.value[service] ?? [], manifests),
    ]),
  )
  const manifestImages = Object.fromEntries(
    Object.entries(rendered.value).map(([service, objects]) => [service, imagesIn(objects)]),
  )
  return ok({ ...source.value, artefacts, shapes, builds: source.value.artefacts, manifestImages })
}

/** The folders whose content identifies the images that services build. */
const buildContexts = ({ services }: Desired): Contexts =>
  Object.fromEntries(
    services.flatMap(({ name, spec, build }) =>
      spec && build ? [[name, posix.normalize(build.context)] as const] : [],
    ),
  )

/** Renders the manifests of services as a commit (or the working tree as it was observed) has them. */
export async function renderSource(
  folder: string,
  environment: string,
  { revision, commit }: Pick<ObservedSource, 'revision' | 'commit'>,
  services: ToRender[],
  signal: AbortSignal,
): Promise<Result<Rendered>> {
  const key = keyOf(folder, environment, commit, services)
  const before = known.get(key)
  if (before) return ok(before)
  const temporary = await mkdtemp(join(tmpdir(), 'vital-ops-manifests-'))
  try {
    const destination = join(temporary, 'source')
    const exported = await exportSourceTo(
      folder,
      { revision, commit, workingTree: commit.startsWith(treePrefix) },
      destination,
      signal,
    )
    if (!exported.ok) return exported
    const rendered = await renderAll(destination, environment, services, signal)
    if (rendered.ok) known.set(key, rendered.value)
    return rendered
  } finally {
    await removeTree(temporary)
  }
}
