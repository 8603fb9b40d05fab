import { itemSegment } from './fields.ts'
import type { Json } from './objects.ts'
import { badRequest, Refusal } from './refusals.ts'

/** RFC 7396. */
export function mergePatch(target: Json, patch: Json): Json {
  if (patch === null || typeof patch !== 'object' || Array.isArray(patch)) return patch
  const result: Json = target !== null && typeof target === 'object' && !Array.isArray(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete result[name]
    else result[name] = mergePatch(result[name], value)
  }
  return result
}

/** Kubernetes' strategic merge: lists with keys are merged by them, `$patch: delete` removes an item. */
export function strategicPatch(target: Json, patch: Json, field = ''): Json {
  if (Array.isArray(patch)) {
    if (!Array.isArray(target)) return patch.filter((item) => item?.$patch === undefined)
    const merged = [...target]
    for (const item of patch) {
      const segment = itemSegment(field, item)
      if (segment === undefined) return patch
      const at = merged.findIndex((one) => itemSegment(field, one) === segment)
      if (item.$patch === 'delete') {
        if (at >= 0) merged.splice(at, 1)
      } else if (at < 0) merged.push(item)
      else merged[at] = strategicPatch(merged[at], item)
    }
    return merged
  }
  if (patch === null || typeof patch !== 'object') return patch
  const result: Json = target !== null && typeof target === 'object' ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (name.startsWith('$')) continue
    if (value === null) delete result[name]
    else result[name] = strategicPatch(result[name], value, name)
  }
  return result
}

/** RFC 6902: add, remove, replace, test. */
export function jsonPatch(target: Json, operations: Json): Json {
  if (!Array.isArray(operations)) throw badRequest('a JSON patch is a list of operations')
  const result = structuredClone(target)
  for (const { op, path, value } of operations) {
    const parts = String(path)
      .split('/')
      .slice(1)
      .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    const last = parts.pop() as string
    const holder = parts.reduce((node, part) => node?.[part], result)
    if (holder === undefined) throw new Refusal(422, 'Invalid', `the path ${path} does not exist`)
    if (op === 'test') {
      if (JSON.stringify(holder[last]) !== JSON.stringify(value))
        throw new Refusal(422, 'Invalid', `testing value ${path} failed`)
    } else if (op === 'remove') {
      if (Array.isArray(holder)) holder.splice(Number(last), 1)
      else delete holder[last]
    } else if (Array.isArray(holder) && op === 'add') {
      holder.splice(last === '-' ? holder.length : Number(last), 0, value)
    } else holder[last] = value
  }
  return result
}
