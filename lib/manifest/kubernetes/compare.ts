import { groupOf, type KubernetesObject } from '../../model/kubernetes-object.ts'
import { type Fields, fieldsOf, isFields } from '../fields.ts'
import { withoutOwnedReplicas } from './autoscaled.ts'
import { type Difference, differences } from './compare-values.ts'
import { isImmutable } from './immutable.ts'
import { appliedFields } from './managed-fields.ts'
import { pathText, valueText } from './path.ts'
import { type Owned, removals } from './removals.ts'
import { shapeOf } from './shapes/index.ts'

/** One field that an apply changes. Values are texts for people; of a Secret they are masked. */
export type FieldChange = {
  /** `spec.template.spec.containers[web].image` */
  path: string
  kind: 'added' | 'changed' | 'removed'
  before?: string
  after?: string
  /** The server lets nobody change it. */
  immutable: boolean
}

/** What applying a manifest comes to. */
export type Comparison = {
  /** `replace`: an immutable field differs, so that the object must be deleted and made anew. */
  change: 'create' | 'none' | 'update' | 'replace'
  fields: FieldChange[]
}

/** What a comparison takes into account besides the two objects. */
export type CompareOptions = {
  /** Our field manager: what it had set and the manifest lacks now is removed. */
  manager?: string
  /** The manifest that was applied last, where the server keeps no managed fields. */
  previous?: KubernetesObject
  /** Keys of what autoscalers scale (`autoscaledTargets`). */
  autoscaled?: ReadonlySet<string>
}

const masked = '(secret)'

/**
 * Compares a manifest with the object on the server, by meaning: how quantities are spelt, the order of keys and of lists in which it has
 * no meaning, defaults that the server fills in and fields that others set make no difference.
 */
export function compareObject(
  manifest: KubernetesObject,
  live: KubernetesObject | undefined,
  options: CompareOptions = {},
): Comparison {
  if (!live) return { change: 'create', fields: [] }
  const { autoscaled = new Set<string>(), manager, previous } = options
  const wanted = withoutOwnedReplicas(manifest, autoscaled)
  const shape = shapeOf(wanted)
  const [left, right] = [content(wanted), content(live)]
  const applied = manager === undefined ? undefined : appliedFields(live, manager)
  const owned = ownedBefore(applied, previous && withoutOwnedReplicas(previous, autoscaled))
  const gone = owned ? removals(owned, left, right, shape) : []
  const found = [
    ...differences(left, right, shape),
    ...gone.filter(({ path }) => !isReplicas(path, wanted, autoscaled, manifest)),
  ]
  const fields = unique(found).map((one) => changeOf(one, live, wanted))
  const change = fields.length === 0 ? 'none' : fields.some(({ immutable }) => immutable) ? 'replace' : 'update'
  return { change, fields }
}

function ownedBefore(applied: Fields | undefined, previous: KubernetesObject | undefined): Owned | undefined {
  if (applied) return { kind: 'fields', value: applied }
  return previous && { kind: 'manifest', value: content(previous) }
}

/** Replicas that we had set before an autoscaler came are left alone. */
const isReplicas = (
  path: Difference['path'],
  wanted: KubernetesObject,
  _: ReadonlySet<string>,
  manifest: KubernetesObject,
): boolean => wanted !== manifest && pathText(path) === 'spec.replicas'

/** What of an object is compared: not its identity, not its status, and of its metadata what manifests set. */
function content(object: KubernetesObject): Fields {
  const { apiVersion: _, kind, metadata, status: __, stringData, ...rest } = object
  const { labels, annotations, finalizers } = metadata
  const { 'kubectl.kubernetes.io/last-applied-configuration': ___, ...notes } = annotations ?? {}
  const kept = { ...(labels && { labels }), annotations: notes, ...(finalizers !== undefined && { finalizers }) }
  if (kind !== 'Secret' || !isFields(stringData)) return { metadata: kept, ...rest }
  const encoded = Object.entries(stringData).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')])
  return { metadata: kept, ...rest, data: { ...fieldsOf(rest, 'data'), ...Object.fromEntries(encoded) } }
}

function unique(found: readonly Difference[]): Difference[] {
  return [...new Map(found.map((one) => [pathText(one.path), one])).values()]
}

function changeOf(
  { path, kind, before, after }: Difference,
  live: KubernetesObject,
  wanted: KubernetesObject,
): FieldChange {
  const text = pathText(path)
  const secret = wanted.kind === 'Secret' && groupOf(wanted.apiVersion) === '' && /^data\b/.test(text)
  const shown = (value: unknown) => (secret ? masked : valueText(value))
  return {
    path: text,
    kind,
    ...(before !== undefined && { before: shown(before) }),
    ...(after !== undefined && { after: shown(after) }),
    immutable: isImmutable(path, live, wanted),
  }
}

/** A change as one line of a plan: `spec.replicas: 2 → 3`, `data.password: changed (secret)`. */
export function changeText({ path, kind, before, after, immutable }: FieldChange): string {
  const mark = immutable ? ' (immutable)' : ''
  if (before === masked || after === masked) return `${path}: ${kind} ${masked}${mark}`
  if (kind === 'added') return `${path}: ${after} added${mark}`
  if (kind === 'removed') return `${path}: ${before} removed${mark}`
  return `${path}: ${before} → ${after}${mark}`
}
