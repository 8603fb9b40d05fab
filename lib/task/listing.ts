/*
 * The listing of a Taskfile: what `task --list`, help and completion need of its tasks, as plain data, so that they need not run it. It is used
 * while the bundle is the same, the environment variables that the Taskfile looked at when it was loaded have the same values, and the packages
 * that it imports are the same. Of a Taskfile that looks further when it is loaded (files, the clock …), none is kept: `outside` says why.
 */
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { packageRoot } from './find.ts'
import { type FileState, fileState, isCurrent, isUnchanged, listingPath, readManifest } from './manifest.ts'
import type { TaskSummary } from './summary.ts'

/** The tasks of a Taskfile, and what they depend on besides the bundle. */
export type Listing = {
  /** The bundle's file. */
  output: string
  /** The build of this package. */
  build: string
  tasks: TaskSummary[]
  /** Of each task all names that it answers to. */
  spellings: string[][]
  /** The names of environment variables that were read, and a digest of their values; null for none. */
  variables: [string, string | null][]
  packages: (FileState & { path: string })[]
  /** When the packages were noted, in milliseconds since the epoch. */
  noted: number
  outside?: undefined
}

/** That there is no listing of a Taskfile: on what its tasks depend. */
export type NoListing = Pick<Listing, 'output' | 'build'> & { outside: string }

/**
 * The listing of a Taskfile if it certainly holds, or why there is none; undefined where one has to be made. Reads and compares only.
 */
export function currentListing(taskfile: string): Listing | NoListing | undefined {
  const manifest = readManifest(taskfile)
  if (manifest === undefined || !isCurrent(manifest)) return undefined
  let listing: Listing | NoListing
  try {
    listing = JSON.parse(readFileSync(listingPath(taskfile), 'utf8'))
  } catch {
    return undefined
  }
  if (listing.output !== manifest.output || listing.build !== ownBuild()) return undefined
  if (listing.outside !== undefined) return listing
  return isSameOutside(listing) ? listing : undefined
}

/** Whether what a Taskfile looked at besides its code, when it was loaded, is as it was. */
export const isSameOutside = ({
  variables,
  packages,
  noted,
}: Pick<Listing, 'variables' | 'packages' | 'noted'>): boolean =>
  variables.every(([name, digest]) => digestOf(process.env[name]) === digest) &&
  packages.every((path) => isUnchanged(path, noted))

/** What tells one build of this package from another of the same version. */
export function ownBuild(): string {
  const stats = statSync(join(packageRoot(), 'dist', 'pack.cjs'), { bigint: true, throwIfNoEntry: false })
  return stats === undefined ? 'none' : Object.values(fileState(stats)).join(' ')
}

/**
 * A digest of a variable's value, since values may be secret and are not written down; null for undefined. Two 32-bit FNV-1a hashes
 * (http://www.isthe.com/chongo/tech/comp/fnv/) of different bases and the length: it finds changes, it does not withstand attacks.
 */
export function digestOf(value: string | undefined): string | null {
  if (value === undefined) return null
  let [one, other] = [0x811c9dc5, 0x9dc5811c]
  for (let at = 0; at < value.length; at += 1) {
    const unit = value.charCodeAt(at)
    one = Math.imul(one ^ unit, 0x01000193)
    other = Math.imul(other ^ (unit + at), 0x01000193)
  }
  return [one >>> 0, other >>> 0, value.length].map((part) => part.toString(36)).join('.')
}
