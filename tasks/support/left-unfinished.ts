import { join } from 'node:path'
import { findUnfinished, unfinishedFindings } from '../../lib/execute/recovery.ts'
import type { EnvironmentConfiguration, PlatformName } from '../../lib/model/environment.ts'
import { FailureError } from '../../lib/model/failure.ts'
import { readWorkspaceTexts } from '../../lib/system/workspace-files.ts'
import { type Identity, identityIn } from '../../lib/validate/identity.ts'
import { driverOf } from './platforms.ts'

/** What somebody left, and what to type about it. */
export type Leftover = { message: string; mend?: string }

/** What dead runs left, and the environments whose platform could not be asked, with the reason. */
export type LeftUnfinished = { leftovers: Leftover[]; notAsked: { environment: string; why: string }[] }

/**
 * What dead runs left in each environment, where its lock and releases are (this folder, an engine, a cluster), and in its rehearsal on this machine.
 * Who holds the lock is at work and has left nothing. Asks all at once; a platform that does not answer is told, and nothing else.
 */
export async function leftUnfinished(
  folder: string,
  environments: readonly EnvironmentConfiguration[],
): Promise<LeftUnfinished> {
  const texts = await readWorkspaceTexts(folder)
  const places = environments.flatMap(({ name, platform }) => {
    const identity = texts.ok ? identityIn(texts.value, name) : { environments: [] }
    const own: Place = { folder, environment: name, platform, identity }
    return platform === 'local' ? [own] : [own, { ...own, environment: `${name}@local`, platform: 'local' as const }]
  })
  const found = await Promise.all(places.map(leftIn))
  return {
    leftovers: found.flatMap(({ leftovers }) => leftovers),
    notAsked: found.flatMap(({ notAsked }) => notAsked),
  }
}

type Place = { folder: string; environment: string; platform: PlatformName; identity: Identity }

async function leftIn({ folder, environment, platform, identity }: Place): Promise<LeftUnfinished> {
  const driver = driverOf(platform)
  if (!driver) return { leftovers: [], notAsked: [] }
  try {
    const releases = driver.records(folder, environment, identity)
    const holder = await driver.lock(folder, environment, identity)?.inspect()
    const unfinished = await findUnfinished({ ops: join(folder, '.ops'), environment, releases }, holder)
    const leftovers = (unfinished ? unfinishedFindings(unfinished) : []).map(({ message, mend }) => ({
      message,
      ...(mend !== undefined && { mend }),
    }))
    return { leftovers, notAsked: [] }
  } catch (error) {
    if (!(error instanceof FailureError)) throw error
    return { leftovers: [], notAsked: [{ environment, why: error.message }] }
  }
}
