import { gunzipSync, gzipSync } from 'node:zlib'
import { type Failure, FailureError, ok, type Result } from '../../model/failure.ts'
import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import type { Kubectl, KubectlOptions } from './kubectl.ts'
import { label, type Owner, ownerLabels, ownName, selectorOf } from './names.ts'

/** A Secret in which the product keeps something of its own. */
export type RecordSecret = KubernetesObject & { data?: Record<string, string> }

/** What records are kept with. */
export type RecordPlace = Owner & { kubectl: Kubectl; home: string }

/** A value as a Secret's data keeps it: compressed JSON, in base64. */
export const packed = (value: unknown): string => gzipSync(JSON.stringify(value)).toString('base64')

/** The value of `packed`; undefined when it is none. */
export function unpacked(text: string | undefined): unknown {
  if (text === undefined) return undefined
  try {
    return JSON.parse(gunzipSync(Buffer.from(text, 'base64')).toString('utf8'))
  } catch {
    return undefined
  }
}

/** The manifest of a record of ours. */
export const recordSecret = (
  place: RecordPlace,
  part: string,
  what: string,
  data: Record<string, string>,
  labels: Record<string, string> = {},
): RecordSecret => ({
  apiVersion: 'v1',
  kind: 'Secret',
  type: `vital-ops.dev/${part}`,
  metadata: {
    name: ownName(place, what),
    namespace: place.home,
    labels: { ...ownerLabels(place), [label.part]: part, ...labels },
  },
  data,
})

/** The records of one part, by name; none where the namespace is not there. Throws `FailureError`. */
export async function listRecords(
  place: RecordPlace,
  part: string,
  labels: Record<string, string> = {},
): Promise<RecordSecret[]> {
  const selector = selectorOf({ ...ownerLabels(place), [label.part]: part, ...labels })
  const list = await place.kubectl.json<{ items: RecordSecret[] }>(['get', 'secrets', '-n', place.home, '-l', selector])
  if (!list.ok) throw new FailureError(...list.failures)
  return list.value?.items ?? []
}

/** One record; undefined where it is not there. Throws `FailureError`. */
export async function findRecord(place: RecordPlace, what: string): Promise<RecordSecret | undefined> {
  const found = await place.kubectl.json<RecordSecret>([
    'get',
    'secret',
    ownName(place, what),
    '-n',
    place.home,
    '--ignore-not-found',
  ])
  if (!found.ok) throw new FailureError(...found.failures)
  return found.value
}

/** Creates an object; false when one of its name is there. Failures: those of the cluster. */
export async function createObject(
  kubectl: Kubectl,
  object: KubernetesObject,
  options: KubectlOptions = {},
): Promise<Result<boolean>> {
  const input = JSON.stringify(object)
  for (let attempt = 0; ; attempt += 1) {
    const made = await kubectl.checked(['create', '--validate=ignore', '-f', '-'], { ...options, input })
    if (made.ok) return ok(true)
    const { kind, metadata } = object
    const space = metadata.namespace === undefined ? [] : ['-n', metadata.namespace]
    const there = await kubectl.json<KubernetesObject>(
      ['get', kind.toLowerCase(), metadata.name, ...space, '--ignore-not-found'],
      options,
    )
    // The answer may have been lost: only who made it knows the mark.
    if (there.ok && there.value) return ok(sameContent(there.value, object) && attempt > 0)
    if (attempt === 2) return made
  }
}

const sameContent = (one: KubernetesObject, other: KubernetesObject): boolean =>
  JSON.stringify(one.data) === JSON.stringify(other.data)

/**
 * Replaces an object that still is what was read (its resourceVersion), by a PUT of its own path: `kubectl replace` would create what is
 * absent. Undefined when somebody else was faster.
 */
export async function putObject(
  kubectl: Kubectl,
  path: string,
  object: KubernetesObject,
  options: KubectlOptions = {},
): Promise<Result<KubernetesObject | undefined>> {
  const put = await kubectl.checked(['replace', '--raw', path, '-f', '-'], {
    ...options,
    input: JSON.stringify(object),
  })
  if (put.ok) return ok(JSON.parse(put.value) as KubernetesObject)
  const now = await kubectl.json<KubernetesObject>(getArguments(path), options)
  if (!now.ok) return now
  if (now.value?.metadata.resourceVersion !== object.metadata.resourceVersion) return ok(undefined)
  return put
}

/** `/api/v1/namespaces/a/secrets/b` as arguments of `kubectl get`. */
function getArguments(path: string): string[] {
  const parts = path.split('/')
  const at = parts.indexOf('namespaces')
  return ['get', parts[at + 2] as string, parts[at + 3] as string, '-n', parts[at + 1] as string, '--ignore-not-found']
}

/** The path of one of our Secrets. */
export const secretPath = ({ home }: RecordPlace, name: string): string => `/api/v1/namespaces/${home}/secrets/${name}`

/** Changes a record by reading, changing and replacing it, again where somebody else was faster. Throws `FailureError`. */
export async function changeRecord(
  place: RecordPlace,
  what: string,
  change: (data: Record<string, string>) => Record<string, string>,
  absent: () => RecordSecret | Failure,
): Promise<void> {
  for (let attempt = 0; attempt < 10; attempt += 1) {
    const found = await findRecord(place, what)
    if (!found) {
      const made = absent()
      if ('code' in made) throw new FailureError(made as Failure)
      const created = await createObject(place.kubectl, made as RecordSecret)
      if (!created.ok) throw new FailureError(...created.failures)
      if (created.value) return
      continue
    }
    const wanted = { ...found, data: change(found.data ?? {}) }
    if (JSON.stringify(wanted.data) === JSON.stringify(found.data)) return
    const put = await putObject(place.kubectl, secretPath(place, found.metadata.name), wanted)
    if (put.ok && put.value) return
    if (!put.ok && attempt > 2) throw new FailureError(...put.failures)
  }
  throw new FailureError({ code: 'record-contended', message: `others keep changing ${ownName(place, what)}` })
}

/** Makes the namespace of our records, where it is not there. Throws `FailureError`. */
export async function ensureHome(place: RecordPlace): Promise<void> {
  const there = await place.kubectl.json(['get', 'namespace', place.home, '--ignore-not-found'])
  if (!there.ok) throw new FailureError(...there.failures)
  if (there.value) return
  const made = await createObject(place.kubectl, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: place.home, labels: { [label.workspace]: place.workspaceId } },
  })
  if (!made.ok) {
    throw new FailureError({
      ...made.failures[0],
      message: `the namespace ${place.home} is not there and cannot be made: ${made.failures[0].message}`,
      next: [`task setup k8s`, `kubectl create namespace ${place.home}`],
      outcome: 'unchanged',
    })
  }
}
