import { link, readdir, stat, unlink, utimes } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { errorCode, readJson, writeFileAtomic } from '../../../system/files.ts'
import { hostName } from '../../../system/machine.ts'
import type { ProcessIdentity } from '../../../system/process-identity.ts'
import { lifeOf, ownStanding, type Standing } from '../lock-liveness.ts'
import { supervisorFolder } from '../paths.ts'

/** The right to be the workspace's supervisor, held by one process. The claim with the highest generation counts. */
export type Claim = { generation: number; identity: ProcessIdentity; standing: Standing; host: string }

const claimPattern = /^claim-(\d{8})\.json$/
const claimName = (generation: number): string => `claim-${String(generation).padStart(8, '0')}.json`

/** How often the holder of a claim gives a sign of life, in milliseconds: for those who cannot see its process. */
export const beatMs = 5000
const silentMs = 4 * beatMs

/**
 * Claims the workspace for the process that stands there, unless a live one has it. A holder that cannot be seen from here (another container
 * or machine that shares the folder) is watched for signs of life. link(2) is the arbiter: of two processes that find the same
 * dead claim, one makes the next generation. The highest claim is never removed, not even by its holder's end, so that a process that
 * slept between its look and its link finds itself outrun and withdraws.
 */
export async function claimWorkspace(
  folder: string,
  standing: Standing,
): Promise<{ won: true; claim: Claim } | { won: false; holder: Claim }> {
  const identity = standing.process
  const home = supervisorFolder(folder)
  const draft = join(home, `draft-${identity.pid}-${identity.startTime.replaceAll(/\W/g, '')}.json`)
  try {
    for (;;) {
      const highest = await highestClaim(folder)
      if (highest && (await holds(folder, highest, standing))) return { won: false, holder: highest }
      const claim: Claim = { generation: (highest?.generation ?? 0) + 1, identity, standing, host: hostName() }
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

/** Gives a sign of life. */
export async function beat(folder: string, { generation }: Claim): Promise<void> {
  const now = new Date()
  await utimes(join(supervisorFolder(folder), claimName(generation)), now, now).catch(() => {})
}

/**
 * The live holder of the workspace whom nobody here can reach, since its process is not to be seen from here; undefined when there is none.
 * Goes by the time of day of its last sign of life, and does not wait.
 */
export async function holderElsewhere(folder: string): Promise<Claim | undefined> {
  const claim = await highestClaim(folder)
  if (!claim || (await lifeOf(await ownStanding(), claim.standing)) !== 'unknown') return undefined
  return Date.now() - (await lastBeat(folder, claim)) < silentMs ? claim : undefined
}

async function holds(folder: string, claim: Claim, own: Standing): Promise<boolean> {
  const life = await lifeOf(own, claim.standing)
  if (life !== 'unknown') return life === 'alive'
  const before = await lastBeat(folder, claim)
  // Containers of one machine share its clock: the time that has passed since counts.
  const sameClock = claim.identity.bootId === own.process.bootId
  const deadline = performance.now() + silentMs - (sameClock ? Math.max(0, Date.now() - before) : 0)
  while (performance.now() < deadline) {
    await pause(200)
    if ((await lastBeat(folder, claim)) !== before) return true
  }
  return false
}

async function lastBeat(folder: string, { generation }: Claim): Promise<number> {
  return stat(join(supervisorFolder(folder), claimName(generation))).then(
    ({ mtimeMs }) => mtimeMs,
    () => 0,
  )
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
