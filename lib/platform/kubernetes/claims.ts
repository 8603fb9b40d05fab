import { itemsOf, textOf } from '../../manifest/fields.ts'
import type { KubernetesObject, ObjectReference } from '../../model/kubernetes-object.ts'
import type { Kubectl } from './kubectl.ts'
import { label } from './names.ts'

/** What the claims are called that a StatefulSet makes from its templates. */
export const claimPatterns = (set: KubernetesObject): RegExp[] =>
  itemsOf(set, 'spec', 'volumeClaimTemplates').flatMap((claim) => {
    const template = textOf(claim, 'metadata', 'name')
    return template === undefined
      ? []
      : [new RegExp(`^${`${template}-${set.metadata.name}`.replaceAll('.', '\\.')}-\\d+$`)]
  })

/**
 * Writes on the claims of StatefulSets that are about to go whose they are: Kubernetes leaves them, and gives them no label of ours. Where that may not be
 * done they stay for ever, which loses nothing.
 */
export async function markClaims(
  kubectl: Kubectl,
  sets: readonly ObjectReference[],
  signal: AbortSignal,
): Promise<void> {
  const space = ['-n', sets[0]?.namespace ?? 'default']
  const names = sets.map(({ name }) => `statefulset.apps/${name}`)
  const found = await kubectl.json<KubernetesObject & { items?: KubernetesObject[] }>(
    ['get', ...names, ...space, '--ignore-not-found'],
    { signal },
  )
  if (!found.ok || !found.value) return
  const there = found.value.items ?? [found.value]
  if (there.every((set) => claimPatterns(set).length === 0)) return
  const claims = await kubectl.json<{ items: KubernetesObject[] }>(['get', 'persistentvolumeclaims', ...space], {
    signal,
  })
  if (!claims.ok) return
  for (const set of there) {
    const patterns = claimPatterns(set)
    const own = (claims.value?.items ?? []).filter(({ metadata }) => patterns.some((one) => one.test(metadata.name)))
    if (own.length === 0) continue
    const marks = [label.workspace, label.environment, label.service].flatMap((name) => {
      const value = set.metadata.labels?.[name]
      return value === undefined ? [] : [`${name}=${value}`]
    })
    const which = own.map(({ metadata }) => metadata.name)
    await kubectl.checked(
      [
        'label',
        'persistentvolumeclaim',
        ...which,
        ...space,
        '--overwrite',
        ...marks,
        `${label.claimOf}=${set.metadata.name}`,
      ],
      { signal },
    )
  }
}
