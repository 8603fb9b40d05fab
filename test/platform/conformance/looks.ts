import * as assert from 'uvu/assert'
import type { Ended } from '../../support/index.ts'
import { type Service, services, type World } from './world.ts'

/** All that a command said. */
export const said = ({ stdout, stderr }: Pick<Ended, 'stdout' | 'stderr'>): string => `${stdout}\n${stderr}`

/** Runs a command that has to end with exactly this status; gives all that it said. */
export async function expectExit(status: number, world: World, args: readonly string[]): Promise<string> {
  const done = await world.task(args)
  assert.is(done.status, status, `task ${args.join(' ')}\n${said(done)}`)
  return said(done)
}

/** What `--json` of an operation holds. */
export type Report = {
  outcome: string
  failures?: { message: string; next?: string[]; lines?: string[]; why?: string }[]
  result: {
    changed: boolean
    run?: string
    ops: { id: string; kind: string; after: string[] }[]
    partly?: {
      done: string[]
      failed: { service: string; reason: string }[]
      skipped: { service: string; because: string[] }[]
    }
    current?: { number: number; commit: string }
  }
}

/** The status of each service; `stopped` where the platform has nothing of it. */
export async function statuses(world: World): Promise<Record<Service, string>> {
  const { result } = await world.json<{ result: { services: { service: string; status: string }[] } }>([
    'services',
    'status',
  ])
  const of = (name: string) => result.services.find(({ service }) => service === name)?.status ?? 'stopped'
  return Object.fromEntries(services.map((name) => [name, of(name)])) as Record<Service, string>
}

/** Every service has this status. */
export const each = (status: string): Record<Service, string> =>
  Object.fromEntries(services.map((name) => [name, status])) as Record<Service, string>
