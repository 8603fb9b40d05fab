/** What the tests of deploys, rollbacks and services ask of a world again and again. */
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { Ended } from '../support/index.ts'
import type { World } from './world.ts'

/** All that a command has said. */
export const shown = (ended: Ended): string => ended.stdout + ended.stderr

/** Runs a command that has to end with exactly this status; gives all that it said. */
export async function expectExit(status: number, world: World, args: readonly string[]): Promise<string> {
  const ended = await world.task(args, { timeout: 120_000 })
  assert.is(ended.status, status, `task ${args.join(' ')}\n${shown(ended)}`)
  return shown(ended)
}

/** `task releases --json`, of the parts that tests look at. */
export type Releases = {
  current?: number
  rollbackTarget?: number
  releases: { number: number; revision: string; outcome: string; cause?: string; left?: { to: number } }[]
}

/** The releases of an environment, oldest first. */
export const releasesOf = async (world: World, environment = 'dev'): Promise<Releases> =>
  (await world.json<{ result: Releases }>(['releases', environment])).result

/** A service as `task services status --json` shows it. */
export type Status = {
  service: string
  status: string
  health: string
  pid?: number
  ports: Record<string, number>
  restarts: number
  reason?: string
  last_updated: string
}

/** The services of an environment. */
export const servicesOf = async (world: World, environment = 'dev'): Promise<Status[]> =>
  (await world.json<{ result: { services: Status[] } }>(['services', 'status', '-e', environment])).result.services

/** Whether a service runs and is healthy, of each. */
export const health = async (world: World, environment = 'dev'): Promise<Record<string, string>> =>
  Object.fromEntries((await servicesOf(world, environment)).map((one) => [one.service, `${one.status} ${one.health}`]))

/** Writes an environment's `.env` as its owner would: readable by nobody else. */
export async function writeSecrets(world: World, environment: string, values: Record<string, string>): Promise<void> {
  const lines = Object.entries(values).map(([name, value]) => `${name}=${value}\n`)
  await world.write(`.env.${environment}`, lines.join(''))
  await chmod(join(world.folder, `.env.${environment}`), 0o600)
}
