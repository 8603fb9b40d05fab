import type { ManifestSpec } from '../../model/desired.ts'
import type { Finding } from '../../model/finding.ts'
import type { ObservedSource } from '../../model/snapshot.ts'

/** The classes of a service's claims. A claim that is there keeps what it was made with: it cannot be changed, and another choice is none for it. */
export function storageOf(
  service: string,
  { storage }: ObservedSource,
  before: ManifestSpec['storage'] = {},
): Pick<ManifestSpec, 'storage'> {
  const classes = (storage?.claims[service] ?? []).flatMap(({ key, there }) => {
    const name = there ? before[key] : storage?.chosen
    return name === undefined ? [] : [[key, name] as const]
  })
  return classes.length > 0 ? { storage: Object.fromEntries(classes) } : {}
}

/** What is said of the choice, where one of these services gets a new claim by it. */
export function storageSaid(services: readonly string[], { storage }: ObservedSource) {
  const fresh = services.flatMap((service) =>
    (storage?.claims[service] ?? []).filter(({ there }) => !there).map(({ key }) => `${key} of ${service}`),
  )
  if (!storage || fresh.length === 0) return { notes: [] as string[], findings: [] as Finding[] }
  const notes = storage.chosen === undefined ? [] : [`storage class of ${fresh.join(', ')}: ${storage.why}`]
  return { notes, findings: [...storage.findings] }
}
