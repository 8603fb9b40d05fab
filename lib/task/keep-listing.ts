import { rmSync, statSync } from 'node:fs'
import { writeFileAtomic } from '../system/files.ts'
import { digestOf, type Listing, type NoListing, ownBuild } from './listing.ts'
import { fileState, keptTasksPath, listingPath, readManifest } from './manifest.ts'
import { plainTasks } from './plain-tasks.ts'
import type { Outside } from './recorded.ts'
import { summarize } from './summary.ts'
import type { LoadedTasks } from './table.ts'

/** Keeps the listing of a Taskfile that was just loaded, or why there is none. It only saves time: where it cannot be written, nothing is said. */
export async function keepListing(table: LoadedTasks, { variables, outside }: Outside): Promise<void> {
  const manifest = readManifest(table.file)
  if (manifest === undefined) return
  const noted = Date.now()
  const made = { output: manifest.output, build: ownBuild() }
  const why = outside ?? (manifest.linked === undefined ? undefined : `the package ${manifest.linked}, which is linked`)
  const packages = manifest.packages.map((path) => ({ path, ...fileState(statSync(path, { bigint: true })) }))
  const tasks = summarize(table)
  const spellings = table.entries.map((entry) => [...entry.spellings])
  const looked = [...variables].map(([name, value]): [string, string | null] => [name, digestOf(value)])
  const listing: Listing | NoListing =
    why === undefined ? { ...made, tasks, spellings, variables: looked, packages, noted } : { ...made, outside: why }
  await writeFileAtomic(listingPath(table.file), `${JSON.stringify(listing)}\n`, { mode: 0o600 }).catch(() => {})
  const kept = why === undefined ? plainTasks(table) : undefined
  if (kept === undefined) rmSync(keptTasksPath(table.file), { force: true })
  else {
    const text = `${JSON.stringify({ ...made, variables: looked, packages, noted, ...kept })}\n`
    await writeFileAtomic(keptTasksPath(table.file), text, { mode: 0o600 }).catch(() => {})
  }
}
