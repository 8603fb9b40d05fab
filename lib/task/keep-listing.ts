import { statSync } from 'node:fs'
import { writeFileAtomic } from '../system/files.ts'
import { digestOf, type ListedTask, type Listing, type NoListing, ownBuild } from './listing.ts'
import { fileState, listingPath, readManifest } from './manifest.ts'
import type { Outside } from './recorded.ts'
import { summarizeEntry } from './summary.ts'
import type { LoadedTasks } from './table.ts'

/** Keeps the listing of a Taskfile that was just loaded, or why there is none. It only saves time: where it cannot be written, nothing is said. */
export async function keepListing(table: LoadedTasks, { variables, outside }: Outside): Promise<void> {
  const manifest = readManifest(table.file)
  if (manifest === undefined) return
  const noted = Date.now()
  const made = { output: manifest.output, build: ownBuild() }
  const why = outside ?? (manifest.linked === undefined ? undefined : `the package ${manifest.linked}, which is linked`)
  const packages = manifest.packages.map((path) => ({ path, ...fileState(statSync(path, { bigint: true })) }))
  const tasks = table.entries.map(
    (entry): ListedTask => ({ ...summarizeEntry(table, entry), spellings: entry.spellings }),
  )
  const listing: Listing | NoListing =
    why === undefined
      ? { ...made, tasks, variables: [...variables].map(([name, value]) => [name, digestOf(value)]), packages, noted }
      : { ...made, outside: why }
  await writeFileAtomic(listingPath(table.file), `${JSON.stringify(listing)}\n`, { mode: 0o600 }).catch(() => {})
}
