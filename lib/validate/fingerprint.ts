import { createHash } from 'node:crypto'
import type { ContainerSpec, Fingerprint, ManifestSpec, RunSpec } from '../model/desired.ts'

/**
 * The parts of a spec that a running service was started with, each as 16 hexadecimal digits of the SHA-256 of its JSON. `source` is no part
 * (the working tree and a release may hold the same files; `artefact` says so), nor is `database` (it is made in a running engine,
 * and whoever logs in has the password among its variables), nor the deadline of gates. What only a release knows counts as a
 * fixed symbol; a secret counts by its digest.
 */
export function fingerprintOf(spec: RunSpec): Fingerprint {
  if (spec.kubernetes) return digests(clusterParts(spec, spec.kubernetes))
  return digests(spec.docker ? containerParts(spec, spec.docker) : processParts(spec))
}

function digests(parts: Record<string, unknown>): Fingerprint {
  return Object.fromEntries(
    Object.entries(parts)
      .filter(([, value]) => value !== undefined)
      .map(([name, value]) => [name, digest(value)]),
  )
}

/** What containers were made with. An image counts by what it is; a built one by its files, which are the artefact. */
function containerParts(spec: RunSpec, docker: ContainerSpec): Record<string, unknown> {
  const { compose, replicas, networks, variables, images, published } = docker
  const parts: Record<string, unknown> = { compose, replicas, networks, oneShot: spec.oneShot, artefact: spec.artefact }
  for (const [name, value] of Object.entries({ ...variables, ...spec.environment }))
    parts[`environment.${name}`] = value
  for (const [name, { identity, reference, built }] of Object.entries(images)) {
    parts[`image.${name}`] = built ? undefined : (identity ?? reference)
  }
  for (const { name, host, address, container, protocol } of published) {
    parts[`ports.${name}`] = [host, address, container, protocol]
  }
  return parts
}

/** What objects of a cluster were made with; the rendered manifests are the artefact. */
function clusterParts(
  spec: RunSpec,
  { namespace, only, replicas, strategy, pullSecrets, images = {} }: ManifestSpec,
): Record<string, unknown> {
  // Steps say how it comes to be, and not what it is.
  const parts: Record<string, unknown> = {
    namespace,
    only,
    replicas,
    strategy: strategy?.type,
    pullSecrets,
    artefact: spec.artefact,
  }
  for (const [named, { reference, identity, built }] of Object.entries(images)) {
    // The digest of what is built is known after the build; its name says what it is built from.
    parts[`image.${named}`] = built ? reference : (identity ?? reference)
  }
  for (const [name, value] of Object.entries(spec.environment)) parts[`environment.${name}`] = value
  return parts
}

function processParts(spec: RunSpec): Record<string, unknown> {
  const { probes, passes, intervalMs, watchMs } = spec.health
  const parts: Record<string, unknown> = {
    command: spec.command,
    engine: spec.engine,
    directory: spec.directory,
    restart: spec.restart,
    stop: [spec.stopSignal, spec.graceMs],
    oneShot: spec.oneShot,
    health: { probes, passes, intervalMs, watchMs },
    artefact: spec.artefact,
  }
  for (const [name, value] of Object.entries(spec.environment)) parts[`environment.${name}`] = value
  for (const [name, port] of Object.entries(spec.ports)) parts[`ports.${name}`] = port
  return parts
}

const digest = (value: unknown): string => digestOf(canonicalJson(value))

/** 16 hexadecimal digits of the SHA-256 of a text. */
export const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16)

/** JSON with the keys of objects in order, so that a record read back from disk has the same digest. */
export function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (value === null || typeof value !== 'object') return JSON.stringify(value) ?? 'null'
  const entries = Object.entries(value)
    .filter(([, entry]) => entry !== undefined)
    .sort(([left], [right]) => (left < right ? -1 : 1))
  return `{${entries.map(([key, entry]) => `${JSON.stringify(key)}:${canonicalJson(entry)}`).join(',')}}`
}
