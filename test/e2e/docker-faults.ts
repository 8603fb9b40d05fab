/** What the suites of faults on a Docker engine share. */
import * as assert from 'uvu/assert'
import type { Ended } from '../support/index.ts'
import { type DockerWorld, type DockerWorldOptions, makeDockerWorld } from './docker-world.ts'

/** What a command said, for messages of assertions. */
export const shown = ({ status, stdout, stderr }: Ended) => `status ${status}\n${stdout}${stderr}`

/** Runs a command that has to end with exactly this status; gives all that it said. */
export async function expectExit(status: number, world: DockerWorld, args: string[], env: Record<string, string> = {}) {
  const ended = await world.task(args, { env, timeout: 400_000 })
  assert.is(ended.status, status, `task ${args.join(' ')}: ${shown(ended)}`)
  return shown(ended)
}

/** Which version answers. */
export const version = async (world: DockerWorld) => (await world.get('/version'))?.body.split(' ')[0]
/** Containers that were replaced and are still there. */
export const leftAside = async (world: DockerWorld) =>
  (await world.containers()).filter((line) => line.includes('.before-'))

/** A world of the web service alone, for a test; what it made is removed afterwards. */
export async function withWorld(options: DockerWorldOptions, use: (world: DockerWorld) => Promise<void>) {
  const world = await makeDockerWorld({ services: [], ...options })
  try {
    await use(world)
  } finally {
    // An engine that is gone has nothing left; what failed before is to be said.
    await world.end().catch(() => {})
  }
}
