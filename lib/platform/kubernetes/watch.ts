import { setTimeout as pause } from 'node:timers/promises'
import { ok, type Result } from '../../model/failure.ts'
import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import { startProcess } from '../../system/processes.ts'
import type { Kubectl } from './kubectl.ts'

/**
 * What is watched: a resource, in a namespace or of the cluster, by its path on the API server. `optional`: it says more, but who may not read it
 * goes without.
 */
export type Watched = { path: string; kind: string; namespace?: string; optional?: true }

/** Who is told what a watch sees. */
export type Watcher = {
  /** A new list: what is missing in it is not there any more. */
  list(objects: KubernetesObject[], watched: Watched): void
  event(event: { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubernetesObject }): void
  /** A watch broke off; it begins anew. */
  broken(why: string): void
}

type Line = { type: string; object: KubernetesObject & { code?: number; message?: string } }
type List = { metadata: { resourceVersion: string }; items: KubernetesObject[]; apiVersion?: string; kind?: string }

/**
 * Lists, then watches one resource until the signal is aborted. A watch that ends is begun again where it ended; where that is too long
 * ago, or the server refuses, by a new list.
 */
export async function watchResource(
  kubectl: Kubectl,
  watched: Watched,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<void> {
  let version: string | undefined
  while (!signal.aborted) {
    if (version === undefined) {
      const listed = await listResource(kubectl, watched, signal)
      if (!listed.ok) {
        if (signal.aborted) return
        if (!watched.optional) watcher.broken(listed.failures[0].message)
        await pause(watched.optional ? 10_000 : 1_000, undefined, { signal }).catch(() => {})
        continue
      }
      version = listed.value.version
      watcher.list(listed.value.objects, watched)
    }
    version = await stream(kubectl, watched, version, watcher, signal)
    // A server that closes each watch at once is not asked more often than this.
    await pause(200, undefined, { signal }).catch(() => {})
  }
}

/** All objects of a resource. Items of a list say neither kind nor version; the list does. */
async function listResource(
  kubectl: Kubectl,
  { path }: Watched,
  signal: AbortSignal,
): Promise<Result<{ objects: KubernetesObject[]; version: string }>> {
  const text = await kubectl.checked(['get', '--raw', path], { signal })
  if (!text.ok) return text
  const { apiVersion = 'v1', kind = 'List', items, metadata } = JSON.parse(text.value) as List
  const objects = items.map((item) => ({
    ...item,
    apiVersion: item.apiVersion ?? apiVersion,
    kind: item.kind ?? kind.replace(/List$/, ''),
  }))
  return ok({ objects, version: metadata.resourceVersion })
}

/** Follows one watch to its end; returns the version to go on from, or undefined where a new list is needed. */
async function stream(
  kubectl: Kubectl,
  { path }: Watched,
  since: string,
  watcher: Watcher,
  signal: AbortSignal,
): Promise<string | undefined> {
  let version: string | undefined = since
  let rest = ''
  const query = `watch=1&allowWatchBookmarks=true&resourceVersion=${since}`
  const take = (line: string) => {
    if (line.trim() === '') return
    const { type, object } = JSON.parse(line) as Line
    if (type === 'ERROR') {
      version = undefined
      return
    }
    version = object.metadata.resourceVersion ?? version
    if (type === 'ADDED' || type === 'MODIFIED' || type === 'DELETED') watcher.event({ type, object })
  }
  const started = await startProcess({
    argv: kubectl.argv(['get', '--raw', `${path}?${query}`]),
    stdout: (chunk) => {
      const lines = (rest + chunk.toString('utf8')).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) take(line)
    },
    stderr: 'ignore',
    signal,
    graceMs: 2_000,
  })
  if (!started.ok) {
    if (!signal.aborted) watcher.broken(started.failures[0].message)
    return undefined
  }
  const { status } = await started.value.exited
  await started.value.output.catch(() => {})
  return status === 0 ? version : undefined
}

/** The paths of resources on the API server by kind, for those that gates look at. */
const resources: Record<string, { base: string; resource: string }> = {
  Pod: { base: '/api/v1', resource: 'pods' },
  Event: { base: '/api/v1', resource: 'events' },
  PersistentVolumeClaim: { base: '/api/v1', resource: 'persistentvolumeclaims' },
  Service: { base: '/api/v1', resource: 'services' },
  Deployment: { base: '/apis/apps/v1', resource: 'deployments' },
  ReplicaSet: { base: '/apis/apps/v1', resource: 'replicasets' },
  StatefulSet: { base: '/apis/apps/v1', resource: 'statefulsets' },
  DaemonSet: { base: '/apis/apps/v1', resource: 'daemonsets' },
  Job: { base: '/apis/batch/v1', resource: 'jobs' },
  CronJob: { base: '/apis/batch/v1', resource: 'cronjobs' },
  Ingress: { base: '/apis/networking.k8s.io/v1', resource: 'ingresses' },
  Node: { base: '/api/v1', resource: 'nodes' },
  StorageClass: { base: '/apis/storage.k8s.io/v1', resource: 'storageclasses' },
  CustomResourceDefinition: { base: '/apis/apiextensions.k8s.io/v1', resource: 'customresourcedefinitions' },
}

/** Kinds that gates wait for. */
export const gatedKinds: ReadonlySet<string> = new Set([
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'Job',
  'PersistentVolumeClaim',
  'Service',
  'Pod',
  'CustomResourceDefinition',
])

/** What to watch for objects of some kinds in a namespace: themselves, and what speaks about them. */
export function watchedIn(namespace: string, kinds: ReadonlySet<string>): Watched[] {
  const about = kinds.has('Deployment') ? ['ReplicaSet'] : []
  const pods = [...kinds].some((kind) => kind !== 'Service' && kind !== 'PersistentVolumeClaim') ? ['Pod'] : []
  return [...new Set([...kinds, ...about, ...pods, 'Event'])].flatMap((kind) => {
    const found = resources[kind]
    return found ? [{ kind, namespace, path: `${found.base}/namespaces/${namespace}/${found.resource}` }] : []
  })
}

/** What of the cluster itself says more about targets of some kinds: nodes about DaemonSets, classes about claims, definitions about themselves. */
export function watchedAround(kinds: ReadonlySet<string>): Watched[] {
  const of: [target: string, kind: string, optional: boolean][] = [
    ['DaemonSet', 'Node', true],
    ['PersistentVolumeClaim', 'StorageClass', true],
    ['CustomResourceDefinition', 'CustomResourceDefinition', false],
  ]
  return of.flatMap(([target, kind, optional]) => {
    const found = resources[kind]
    if (!found || !kinds.has(target)) return []
    return [{ kind, path: `${found.base}/${found.resource}`, ...(optional && { optional: true as const }) }]
  })
}
