import { isDeepStrictEqual } from 'node:util'
import { type FieldPath, fromFieldsV1, leaves, pathText, removeAt, setAt, toFieldsV1, valueAt } from './fields.ts'
import { type ApiObject, type Json, type ManagedFields, nowText } from './objects.ts'
import { Refusal } from './refusals.ts'

/**
 * Server-side apply: the object with the applied configuration merged in and its managers brought up to date. Refusal: 409 with
 * every field that another manager owns with another value, unless it is forced.
 */
export function applyTo(
  live: ApiObject | undefined,
  configuration: Json,
  { manager, force }: { manager: string; force: boolean },
): Json {
  const result: Json = live ? structuredClone(live) : { ...configuration, metadata: { ...configuration.metadata } }
  const managed: ManagedFields[] = structuredClone(live?.metadata.managedFields ?? [])
  const wanted = leaves(configuration)
  const own = managed.find((entry) => entry.manager === manager && entry.operation === 'Apply')
  const before = own ? fromFieldsV1(own.fieldsV1) : new Set<FieldPath>()
  if (live) {
    const differing = [...wanted].filter(
      ([path, value]) => !path.endsWith('.') && !isDeepStrictEqual(valueAt(live, path), value),
    )
    const conflicts = conflictsOf(
      managed.filter((entry) => entry !== own),
      differing.map(([path]) => path),
    )
    if (conflicts.length > 0 && !force) throw conflictRefusal(conflicts)
    for (const { entry, paths } of conflicts) {
      const left = fromFieldsV1(entry.fieldsV1)
      for (const path of paths) left.delete(path)
      entry.fieldsV1 = toFieldsV1(left)
    }
    for (const [path, value] of wanted) setAt(result, path, value)
    const others = new Set(
      managed.filter((entry) => entry !== own).flatMap((entry) => [...fromFieldsV1(entry.fieldsV1)]),
    )
    for (const path of before) if (!wanted.has(path) && !others.has(path)) removeAt(result, path)
  }
  const fieldsV1 = toFieldsV1(wanted.keys())
  const entry: ManagedFields = {
    manager,
    operation: 'Apply',
    apiVersion: configuration.apiVersion,
    time: own && isDeepStrictEqual(own.fieldsV1, fieldsV1) ? own.time : nowText(),
    fieldsType: 'FieldsV1',
    fieldsV1,
  }
  result.metadata.managedFields = [...managed.filter((one) => one !== own && !isEmpty(one)), entry]
  return result
}

const isEmpty = ({ fieldsV1 }: ManagedFields): boolean => Object.keys(fieldsV1).length === 0

type Conflict = { entry: ManagedFields; paths: FieldPath[] }

const conflictsOf = (managed: ManagedFields[], paths: FieldPath[]): Conflict[] =>
  managed.flatMap((entry) => {
    const owned = fromFieldsV1(entry.fieldsV1)
    const own = paths.filter((path) => owned.has(path))
    return own.length > 0 ? [{ entry, paths: own }] : []
  })

const managerText = ({ manager, operation, apiVersion, subresource }: ManagedFields): string =>
  `"${manager}"${subresource ? ` with subresource "${subresource}"` : ''}${operation === 'Update' ? ` using ${apiVersion}` : ''}`

function conflictRefusal(conflicts: Conflict[]): Refusal {
  const count = conflicts.reduce((sum, { paths }) => sum + paths.length, 0)
  const text =
    count === 1
      ? conflicts.map(({ entry, paths }) => `conflict with ${managerText(entry)}: ${pathText(paths[0] as string)}`)
      : conflicts.map(
          ({ entry, paths }, index) =>
            `${index === 0 ? 'conflicts' : 'conflicts'} with ${managerText(entry)}:\n${paths.map((path) => `- ${pathText(path)}`).join('\n')}`,
        )
  return new Refusal(
    409,
    'Conflict',
    `Apply failed with ${count} conflict${count === 1 ? '' : 's'}: ${text.join('\n')}`,
    {
      causes: conflicts.flatMap(({ entry, paths }) =>
        paths.map((path) => ({
          reason: 'FieldManagerConflict',
          message: `conflict with ${managerText(entry)}`,
          field: pathText(path),
        })),
      ),
    },
  )
}

/** The object after an update by a manager: what it changed is its own from now on, and nobody else's. */
export function trackUpdate(before: ApiObject | undefined, after: Json, manager: string, subresource?: string): Json {
  const result: Json = structuredClone(after)
  const managed: ManagedFields[] = structuredClone(before?.metadata.managedFields ?? [])
  const now = leaves(after)
  const changed = [...now].flatMap(([path, value]) =>
    path.endsWith('.') || (before && isDeepStrictEqual(valueAt(before, path), value)) ? [] : [path],
  )
  for (const entry of managed) {
    const left = fromFieldsV1(entry.fieldsV1)
    for (const path of left) {
      const gone = !now.has(path) && valueAt(after, path) === undefined
      if (gone || changed.includes(path)) left.delete(path)
    }
    entry.fieldsV1 = toFieldsV1(left)
  }
  if (changed.length > 0) {
    const own = managed.find((entry) => entry.manager === manager && entry.operation === 'Update')
    const paths = new Set([...(own ? fromFieldsV1(own.fieldsV1) : []), ...changed])
    const entry: ManagedFields = {
      manager,
      operation: 'Update',
      apiVersion: after.apiVersion,
      time: nowText(),
      fieldsType: 'FieldsV1',
      fieldsV1: toFieldsV1(paths),
      ...(subresource && { subresource }),
    }
    if (own) managed.splice(managed.indexOf(own), 1, entry)
    else managed.push(entry)
  }
  result.metadata.managedFields = managed.filter((entry) => !isEmpty(entry))
  return result
}
