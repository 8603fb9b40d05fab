import type { RunSpec } from '../../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import type { OpContext } from '../../model/platform.ts'
import type { Colour } from '../../model/rollout.ts'
import { withPushed } from '../../plan/images.ts'
import type { KubernetesContext } from './context.ts'
import { ownerLabels, selectorOf } from './names.ts'
import type { KeptFiles } from './ops/export-source.ts'
import { type PreparedObjects, prepareObjects, secretObject } from './prepare.ts'
import { createObject } from './records.ts'
import { readFiles } from './releases.ts'

/** The objects of a service of a release. Failure: `release-files-missing`. */
export async function preparedFor(
  cluster: KubernetesContext,
  spec: RunSpec,
  colour: Colour | undefined,
  { secrets }: Pick<OpContext, 'secrets'>,
): Promise<Result<PreparedObjects>> {
  const { service } = spec
  if (spec.source.kind !== 'release') return failed(onlyReleases(service, cluster))
  const { release } = spec.source
  const files = (await readFiles(cluster, release)) as KeptFiles | undefined
  const rendered = files?.rendered[service]
  if (!rendered) {
    return failed({
      code: 'release-files-missing',
      message: `the manifests of ${service} in release ${release} are not on the cluster any more`,
      service,
      next: [`task releases ${cluster.environment}`],
      outcome: 'unchanged',
    })
  }
  const record = (await cluster.releases.list()).find(({ number }) => number === release)
  const known = { release: String(release), revision: record?.revision ?? '' }
  return ok(prepareObjects(cluster, withPushed(spec, record?.pushed), rendered, known, secrets, colour))
}

/** Makes the Secret, where none of its name is there: the name says what it holds. The values go through standard input. */
export async function ensureSecret(
  cluster: KubernetesContext,
  service: string,
  secret: NonNullable<PreparedObjects['secret']>,
): Promise<Result<void>> {
  const there = await cluster.kubectl.json(['get', 'secret', secret.name, '-n', secret.namespace, '--ignore-not-found'])
  if (!there.ok) return there
  if (there.value) return ok(undefined)
  const values = secret.values()
  if (!values.ok) return values
  const made = await createObject(cluster.kubectl, secretObject(cluster, service, secret, values.value))
  return made.ok ? ok(undefined) : made
}

/** Namespaces that objects go to and that are not there are made; they are never removed. */
export async function ensureNamespaces(cluster: KubernetesContext, objects: KubernetesObject[]): Promise<Result<void>> {
  const own = new Set(objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name))
  const needed = [...new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))].filter(
    (name) => !own.has(name),
  )
  for (const name of needed) {
    const there = await cluster.kubectl.json(['get', 'namespace', name, '--ignore-not-found'])
    if (!there.ok) return there
    if (there.value) continue
    const metadata = { name, labels: ownerLabels(cluster) }
    const made = await createObject(cluster.kubectl, { apiVersion: 'v1', kind: 'Namespace', metadata })
    if (!made.ok) return made
  }
  return ok(undefined)
}

/** What is there before the apply: restarts and events of that time do not count against it. */
export async function surroundings(
  cluster: KubernetesContext,
  objects: KubernetesObject[],
  signal: AbortSignal,
): Promise<KubernetesObject[]> {
  const spaces = [...new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))]
  const lists = await Promise.all(
    spaces.flatMap((namespace) => [
      cluster.kubectl.json<{ items: KubernetesObject[] }>(['get', 'events', '-n', namespace], { signal }),
      cluster.kubectl.json<{ items: KubernetesObject[] }>(
        ['get', 'pods', '-n', namespace, '-l', selectorOf(ownerLabels(cluster))],
        { signal },
      ),
    ]),
  )
  return lists.flatMap((list) => (list.ok ? (list.value?.items ?? []) : []))
}

/** An object without what may be secret. */
export function withoutData(object: KubernetesObject): KubernetesObject {
  if (object.kind !== 'Secret') return object
  const { data: _, stringData: __, ...rest } = object
  return rest as KubernetesObject
}

/** A cluster runs no working tree. */
export const onlyReleases = (service: string, { environment }: KubernetesContext): Failure => ({
  code: 'no-release-yet',
  message: `${service} has no release: a cluster runs releases, and never a working tree`,
  service,
  next: [`task deploy ${environment}`],
  outcome: 'unchanged',
})
