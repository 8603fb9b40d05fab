import { link, readdir, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode, readJson, writeFileAtomic } from '../../../system/files.ts'
import { isAlive, type ProcessIdentity } from '../../../system/process-identity.ts'
import { supervisorFolder } from '../paths.ts'

/** The right to be the workspace's supervisor, held by one process. The claim with the highest generation counts. */
export type Claim = { generation: number; identity: ProcessIdentity }

const claimPattern = /^claim-(\d{8})\.json$/
const claimName = (generation: number): string => `claim-${String(generation).padStart(8, '0')}.json`

/**
 * Claims the workspace for the process `identity`, unless a live one has it. link(2) is the arbiter: of two processes that find the same
 * dead claim, one makes the next generation. The highest claim is never removed, not even by its holder's end, so that a process that
 * slept between its look and its link finds itself outrun and withdraws.
 */
export async function claimWorkspace(
  folder: string,
  identity: ProcessIdentity,
): Promise<{ won: true; claim: Claim } | { won: false; holder: Claim }> {
  const home = supervisorFolder(folder)
  const draft = join(home, `draft-${identity.pid}-${identity.startTime.replaceAll(/\W/g, '')}.json`)
  try {
    for (;;) {
      const highest = await highestClaim(folder)
      if (highest && (await isAlive(highest.identity))) return { won: false, holder: highest }
      const claim: Claim = { generation: (highest?.generation ?? 0) + 1, identity }
      await writeFileAtomic(draft, JSON.stringify(claim), { mode: 0o600 })
      const path = join(home, claimName(claim.generation))
      try {
        await link(draft, path)
      } catch (error) {
        if (errorCode(error) === 'EEXIST') continue
        throw error
      }
      const now = await highestClaim(folder)
      if (now?.generation === claim.generation) {
        await removeBelow(folder, claim.generation)
        return { won: true, claim }
      }
      await unlink(path).catch(() => {})
    }
  } finally {
    await unlink(draft).catch(() => {})
  }
}

/** The claim that counts; undefined when nobody ever claimed the workspace. */
export async function highestClaim(folder: string): Promise<Claim | undefined> {
  const home = supervisorFolder(folder)
  // A claim that is there when the folder is read may be gone when it is opened: a higher one is there then.
  for (;;) {
    const generation = Math.max(0, ...(await generations(home)))
    if (generation === 0) return undefined
    const claim = (await readJson(join(home, claimName(generation)))) as Claim | undefined
    if (claim) return claim
  }
}

/** Whether the claim is still the one that counts; not so when a later one was made, or the folder was removed. */
export async function isCurrent(folder: string, claim: Claim): Promise<boolean> {
  try {
    return Math.max(0, ...(await generations(supervisorFolder(folder)))) === claim.generation
  } catch {
    // Too many open files, a disk that fails: no reason to give up what runs.
    return true
  }
}

async function generations(home: string): Promise<number[]> {
  const names = await readdir(home).catch((error: unknown) => {
    if (errorCode(error) === 'ENOENT') return []
    throw error
  })
  return names.flatMap((name) => claimPattern.exec(name)?.[1] ?? []).map(Number)
}

async function removeBelow(folder: string, generation: number): Promise<void> {
  const home = supervisorFolder(folder)
  for (const other of await generations(home)) {
    if (other < generation) await unlink(join(home, claimName(other))).catch(() => {})
  }
}
