/** Sets of fields as server-side apply keeps them: paths of `f:name`, `k:{…}` (an item of a list with keys) and `.`. */
import type { Json } from './objects.ts'

/** A path's segments, joined; separator is a character that no segment has. */
export type FieldPath = string
const separator = '\u0000'
/** The segments of a path. */
export const segments = (path: FieldPath): string[] => path.split(separator)
const join = (base: FieldPath, segment: string): FieldPath => (base === '' ? segment : `${base}${separator}${segment}`)

/** Keys of the lists that are maps, by the field's name; lists that are not here are replaced as a whole. */
const listKeys: Record<string, (item: Json) => string[] | undefined> = {
  containers: () => ['name'],
  initContainers: () => ['name'],
  volumes: () => ['name'],
  env: () => ['name'],
  volumeMounts: () => ['mountPath'],
  ports: (item) =>
    'containerPort' in item ? ['containerPort', 'protocol'] : 'port' in item ? ['port', 'protocol'] : undefined,
  topologySpreadConstraints: () => ['topologyKey', 'whenUnsatisfiable'],
  hostAliases: () => ['ip'],
}
/** Maps that are replaced as a whole. */
const atomicMaps = new Set(['selector', 'nodeSelector', 'labelSelector', 'secretKeyRef', 'configMapKeyRef', 'fieldRef'])
/** What belongs to the server, or names the object. */
const unowned = new Set(['apiVersion', 'kind', 'status'])
const ownedMetadata = new Set(['labels', 'annotations', 'finalizers', 'ownerReferences'])

/** The key of a list's item as a segment; undefined where the list has no keys. */
export function itemSegment(field: string, item: Json): string | undefined {
  if (item === null || typeof item !== 'object' || !Object.hasOwn(listKeys, field)) return undefined
  const names = listKeys[field]?.(item)
  if (!names) return undefined
  const entries = names.map((name) => [name, item[name] ?? (name === 'protocol' ? 'TCP' : undefined)])
  return `k:${JSON.stringify(Object.fromEntries(entries))}`
}

/** The paths of all leaves of an object, with their values. */
export function leaves(object: Json): Map<FieldPath, Json> {
  const found = new Map<FieldPath, Json>()
  const walk = (value: Json, path: FieldPath, field: string) => {
    if (Array.isArray(value)) {
      const keyed = value.map((item) => itemSegment(field, item))
      if (value.length === 0 || keyed.some((segment) => segment === undefined)) {
        found.set(path, value)
        return
      }
      value.forEach((item, index) => {
        const at = join(path, keyed[index] as string)
        found.set(join(at, '.'), undefined)
        for (const [name, inner] of Object.entries(item)) walk(inner, join(at, `f:${name}`), name)
      })
      return
    }
    if (value !== null && typeof value === 'object' && !atomicMaps.has(field)) {
      const entries = Object.entries(value)
      if (entries.length === 0) found.set(path, value)
      for (const [name, inner] of entries) walk(inner, join(path, `f:${name}`), name)
      return
    }
    found.set(path, value)
  }
  for (const [name, value] of Object.entries(object)) {
    if (unowned.has(name)) continue
    if (name === 'metadata') {
      for (const [part, inner] of Object.entries(value as object)) {
        if (ownedMetadata.has(part)) walk(inner, join('f:metadata', `f:${part}`), part)
      }
    } else walk(value, `f:${name}`, name)
  }
  return found
}

/** A set of paths as the API writes it. */
export function toFieldsV1(paths: Iterable<FieldPath>): Json {
  const root: Json = {}
  for (const path of paths) {
    let node = root
    for (const segment of segments(path)) {
      node[segment] ??= {}
      node = node[segment]
    }
  }
  return root
}

/** The API's form as a set of paths. */
export function fromFieldsV1(fields: Json): Set<FieldPath> {
  const found = new Set<FieldPath>()
  const walk = (node: Json, path: FieldPath) => {
    for (const [segment, inner] of Object.entries(node)) {
      const at = join(path, segment)
      if (Object.keys(inner as object).length === 0) found.add(at)
      else walk(inner, at)
    }
  }
  walk(fields, '')
  return found
}

const findItem = (list: Json[], field: string, segment: string): number =>
  list.findIndex((item) => itemSegment(field, item) === segment)

/** The value at a path; undefined where there is none. */
export function valueAt(object: Json, path: FieldPath): Json {
  let node = object
  let field = ''
  for (const segment of segments(path)) {
    if (node === undefined || node === null) return undefined
    if (segment === '.') return node
    if (segment.startsWith('f:')) {
      field = segment.slice(2)
      node = node[field]
    } else node = Array.isArray(node) ? node[findItem(node, field, segment)] : undefined
  }
  return node
}

/** Whether something is at a path. */
export const hasPath = (object: Json, path: FieldPath): boolean => valueAt(object, path) !== undefined

/** Sets the value at a path, and makes what leads there. */
export function setAt(object: Json, path: FieldPath, value: Json): void {
  const parts = segments(path)
  let node = object
  let field = ''
  parts.forEach((segment, index) => {
    const last = index === parts.length - 1
    if (segment === '.') return
    if (segment.startsWith('f:')) {
      field = segment.slice(2)
      if (last) node[field] = structuredClone(value)
      else {
        node[field] ??= (parts[index + 1] as string).startsWith('k:') ? [] : {}
        node = node[field]
      }
      return
    }
    let at = findItem(node, field, segment)
    if (at < 0) at = node.push(JSON.parse(segment.slice(2))) - 1
    node = node[at]
  })
}

/** Removes what is at a path, and what leads there where nothing else is left in it. */
export function removeAt(object: Json, path: FieldPath): void {
  const parts = segments(path)
  const walk = (node: Json, field: string, index: number): void => {
    const segment = parts[index]
    if (segment === undefined || node === undefined || node === null) return
    if (segment.startsWith('f:')) {
      const name = segment.slice(2)
      if (index === parts.length - 1) {
        delete node[name]
        return
      }
      walk(node[name], name, index + 1)
      const inner = node[name]
      if (inner !== undefined && inner !== null && typeof inner === 'object' && Object.keys(inner).length === 0)
        delete node[name]
      return
    }
    if (!Array.isArray(node)) return
    const at = findItem(node, field, segment)
    if (at < 0) return
    if (parts[index + 1] === '.') node.splice(at, 1)
    else walk(node[at], '', index + 1)
  }
  walk(object, '', 0)
}

/** A path as messages write it: `.spec.template.spec.containers[name="web"].image`. */
export const pathText = (path: FieldPath): string =>
  segments(path)
    .filter((segment) => segment !== '.')
    .map((segment) => {
      if (segment.startsWith('f:')) return `.${segment.slice(2)}`
      const keys = Object.entries(JSON.parse(segment.slice(2)))
      return `[${keys.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`
    })
    .join('')
