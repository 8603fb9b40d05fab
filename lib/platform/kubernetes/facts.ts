import { type ServedKinds, servedKinds } from '../../manifest/kubernetes/discovery.ts'
import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import { groupOf } from '../../model/kubernetes-object.ts'
import { kindsToRead, type ServerFacts } from '../../plan/kubernetes/preflight/index.ts'
import { kindArgument } from './apply.ts'
import type { Kubectl } from './kubectl.ts'

type List = { items: KubernetesObject[] }
type Versions = { clientVersion?: { gitVersion?: string }; serverVersion?: { gitVersion?: string } }

/**
 * What the rules of pre-flight look at: versions, the kinds of the plan's API versions, and what the plan's namespaces have. What the user
 * may not read is left out, and rules say nothing about it.
 */
export async function readFacts(
  kubectl: Kubectl,
  objects: readonly KubernetesObject[],
  signal: AbortSignal,
): Promise<ServerFacts> {
  const spaces = [...new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))]
  const [versions, served, lists] = await Promise.all([
    kubectl.checked(['version', '-o', 'json'], { signal }),
    readServed(kubectl, objects, signal),
    readKinds(kubectl, spaces, signal),
  ])
  const { clientVersion, serverVersion } = versions.ok ? (JSON.parse(versions.value) as Versions) : {}
  return {
    ...(clientVersion?.gitVersion !== undefined && { clientVersion: clientVersion.gitVersion }),
    ...(serverVersion?.gitVersion !== undefined && { serverVersion: serverVersion.gitVersion }),
    served,
    ...lists,
  }
}

/** The kinds of the objects' API versions, as the server has them. */
export async function readServed(
  kubectl: Kubectl,
  objects: readonly KubernetesObject[],
  signal: AbortSignal,
): Promise<ServedKinds> {
  const apis = [...new Set(objects.map(({ apiVersion }) => apiVersion))]
  const documents = await Promise.all(
    apis.map((api) =>
      kubectl.checked(['get', '--raw', groupOf(api) === '' ? `/api/${api}` : `/apis/${api}`], { signal }),
    ),
  )
  return servedKinds(...documents.flatMap((document) => (document.ok ? [JSON.parse(document.value)] : [])))
}

/** The objects of the kinds that rules want to see; a kind that could not be read everywhere is not known. */
async function readKinds(
  kubectl: Kubectl,
  spaces: string[],
  signal: AbortSignal,
): Promise<Pick<ServerFacts, 'objects' | 'known'>> {
  const calls = kindsToRead.flatMap(({ apiVersion, kind, namespaced }) => {
    const argument = kindArgument({ group: groupOf(apiVersion), kind })
    return namespaced ? [] : [{ kinds: [kind], args: ['get', argument] }]
  })
  const own = kindsToRead.filter(({ namespaced }) => namespaced)
  const all = own.map(({ apiVersion, kind }) => kindArgument({ group: groupOf(apiVersion), kind })).join(',')
  const inSpaces = spaces.map((space) => ({ kinds: own.map(({ kind }) => kind), args: ['get', all, '-n', space] }))
  const known = new Set<string>()
  const unread = new Set<string>()
  const objects: KubernetesObject[] = []
  await Promise.all(
    [...calls, ...inSpaces].map(async ({ kinds, args }) => {
      const text = await kubectl.checked([...args, '-o', 'json'], { signal })
      for (const kind of kinds) (text.ok ? known : unread).add(kind)
      if (text.ok) objects.push(...(JSON.parse(text.value) as List).items)
    }),
  )
  for (const kind of unread) known.delete(kind)
  return { objects, known }
}
