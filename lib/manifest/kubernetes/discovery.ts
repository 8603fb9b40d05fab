import { field, itemsOf, textOf } from '../fields.ts'

/** A kind that a server has: its resource in addresses and roles, its scope, what may be done with it. */
export type ServedKind = { resource: string; namespaced: boolean; verbs: readonly string[] }

/** Kinds by `group/version` (`v1`, `apps/v1`), as discovery says. */
export type ServedKinds = ReadonlyMap<string, ReadonlyMap<string, ServedKind>>

/**
 * The kinds of a server from its aggregated discovery (`/api` and `/apis` as `apidiscovery.k8s.io/v2`, APIGroupDiscoveryList), one or several
 * documents, or from APIResourceLists of single versions. Subresources are left out.
 */
export function servedKinds(...documents: readonly unknown[]): Map<string, Map<string, ServedKind>> {
  const found = new Map<string, Map<string, ServedKind>>()
  const add = (version: string, kind: string | undefined, one: ServedKind) => {
    if (kind === undefined || kind === '' || one.resource === '' || one.resource.includes('/')) return
    const kinds = found.get(version) ?? new Map<string, ServedKind>()
    if (!kinds.has(kind)) kinds.set(kind, one)
    found.set(version, kinds)
  }
  for (const document of documents) {
    for (const group of itemsOf(document, 'items')) {
      const name = textOf(group, 'metadata', 'name') ?? ''
      for (const version of itemsOf(group, 'versions')) {
        const groupVersion = `${name === '' ? '' : `${name}/`}${textOf(version, 'version') ?? ''}`
        for (const one of itemsOf(version, 'resources')) {
          add(groupVersion, textOf(one, 'responseKind', 'kind'), {
            resource: textOf(one, 'resource') ?? '',
            namespaced: textOf(one, 'scope') === 'Namespaced',
            verbs: itemsOf(one, 'verbs').map(String),
          })
        }
      }
    }
    for (const one of itemsOf(document, 'resources')) {
      add(textOf(document, 'groupVersion') ?? '', textOf(one, 'kind'), {
        resource: textOf(one, 'name') ?? '',
        namespaced: field(one, 'namespaced') === true,
        verbs: itemsOf(one, 'verbs').map(String),
      })
    }
  }
  return found
}
