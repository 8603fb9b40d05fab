import { mkdir, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Desired, Source } from '../../model/desired.ts'
import { readJson, writeFileAtomic } from '../../system/files.ts'
import type { LocalContext } from './context.ts'
import { opsFolder, releaseFolder } from './paths.ts'

/** What was built: which files, by which command. */
export type Built = { artefact: string; command: string[]; directory: string }

/** The last whole build of a service in a source; undefined when there is none, or one was begun since. */
export async function readBuilt(local: LocalContext, source: Source, service: string): Promise<Built | undefined> {
  const record = (await readJson(path(local, source, service)).catch(() => undefined)) as
    | ({ version: 1 } & Built)
    | undefined
  return record?.version === 1 ? record : undefined
}

/** Says that a build has begun: until it is whole, there is none. */
export async function forgetBuilt(local: LocalContext, source: Source, service: string): Promise<void> {
  await unlink(path(local, source, service)).catch(() => {})
}

/** Says what was built. */
export async function writeBuilt(local: LocalContext, source: Source, service: string, built: Built): Promise<void> {
  const file = path(local, source, service)
  await mkdir(dirname(file), { recursive: true })
  await writeFileAtomic(file, `${JSON.stringify({ version: 1, ...built })}\n`)
}

/** Whether a build is of these files, by this command. Files without an identity are always built. */
export const isBuilt = (found: Built | undefined, wanted: Built): boolean =>
  found !== undefined &&
  wanted.artefact !== '' &&
  found.artefact === wanted.artefact &&
  found.directory === wanted.directory &&
  JSON.stringify(found.command) === JSON.stringify(wanted.command)

/** The artefacts of the builds in the working tree that were made by the command that builds there now, by service. */
export async function workingTreeBuilds(local: LocalContext, desired: Desired): Promise<Record<string, string>> {
  const builds: Record<string, string> = {}
  for (const { name, build } of desired.services) {
    const found = build && (await readBuilt(local, { kind: 'working-tree' }, name))
    if (build && found && isBuilt(found, { ...build, artefact: found.artefact })) builds[name] = found.artefact
  }
  return builds
}

const path = (local: LocalContext, source: Source, service: string): string =>
  join(
    source.kind === 'release'
      ? releaseFolder(local.folder, local.environment, source.release)
      : opsFolder(local.folder),
    'built',
    `${service}.json`,
  )
