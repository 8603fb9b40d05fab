/** What the fault suites share: the points of a plan, a killed run, and what must hold once another command has recovered. */
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { type Ended, processesWith, until } from '../support/index.ts'
import type { World } from './world.ts'

/** An op as `--dry-run --json` has it. */
export type PlannedOp = { id: string; kind: string }

type Entry = { type: string; op?: string | { id: string }; ops?: string[]; target?: number; release?: number }

/** What a command said, for messages of assertions. */
export const shown = (ended: Ended): string => `status ${ended.status}\n${ended.stdout}${ended.stderr}`

/** Runs a command that must succeed. */
export async function done(
  world: Pick<World, 'task'>,
  args: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const ended = await world.task(args, { env, timeout: 120_000 })
  assert.is(ended.status, 0, `task ${args.join(' ')}: ${shown(ended)}`)
  return ended
}

/** The ops of the plan that a command would run. */
export async function plannedOps(world: Pick<World, 'task'>, command: readonly string[]): Promise<PlannedOp[]> {
  const ended = await done(world, [...command, '--dry-run', '--json'])
  return (JSON.parse(ended.stdout) as { result: { ops: PlannedOp[] } }).result.ops
}

/** The entries of the newest run's journal, and that run's folder. Undefined where there is none. */
export async function newestJournal(
  world: Pick<World, 'folder'>,
): Promise<{ folder: string; entries: Entry[] } | undefined> {
  const runs = join(world.folder, '.ops/runs')
  const newest = (await readdir(runs).catch(() => [])).sort().at(-1)
  if (newest === undefined) return undefined
  const folder = join(runs, newest)
  const text = await readFile(join(folder, 'journal.jsonl'), 'utf8').catch(() => '')
  const lines = text.split('\n').filter((line) => line.endsWith('}'))
  return { folder, entries: lines.map((line) => JSON.parse(line) as Entry) }
}

/** The id of the op that an entry is about. */
export const opOf = ({ op }: Entry): string | undefined => (typeof op === 'string' ? op : op?.id)

/** Every point of a plan: each op before, between effect and record, and after; each other entry that an undisturbed run has. */
export function pointsOf(ops: readonly PlannedOp[], undisturbed: readonly Entry[]): string[] {
  const others = new Set(undisturbed.map(({ type }) => type).filter((type) => !type.startsWith('op-')))
  return [
    ...ops.flatMap(({ id }) => [`${id}:before`, `${id}:effect`, `${id}:after`]),
    ...[...others].flatMap((type) => [`${type}:before`, `${type}:after`]),
  ]
}

/** Runs a command that kills itself at a point; one that lives on has missed it. */
export async function die(world: Pick<World, 'task'>, command: readonly string[], point: string): Promise<void> {
  const ended = await world.task(command, { env: { OPS_FAULT: point }, timeout: 120_000 })
  assert.is(ended.signal, 'SIGKILL', `${point} was not reached: ${shown(ended)}`)
}

/** Whether the newest run has begun something and not brought it to its end, by its journal and the release's record. */
export async function hasLeftWork(world: World): Promise<boolean> {
  if ((await releasesOf(world)).some(({ outcome }) => outcome === 'pending')) return true
  const entries = (await newestJournal(world))?.entries ?? []
  if (entries.some(({ type }) => type === 'run-ended')) return false
  const fixed = entries.findLast(({ type }) => type === 'plan-fixed')
  // Only with its end a rollback says that its target is current.
  if (fixed?.target !== undefined) return true
  const ended = new Set(entries.filter(({ type }) => type === 'op-ended').map(opOf))
  const begun = entries.some(({ type }) => type === 'op-started')
  return begun && (fixed?.ops ?? []).some((op) => !ended.has(op))
}

/** What is looked at of a release's record. */
export type ListedRelease = {
  number: number
  outcome: string
  services: { service: string; spec?: { source: { release?: number } } }[]
}

/** The releases by their records on disk, oldest first. */
export async function releasesOf(world: World): Promise<ListedRelease[]> {
  const root = join(world.folder, '.ops/releases/dev')
  const names = (await readdir(root).catch(() => [])).filter((name) => /^\d+$/.test(name))
  const texts = await Promise.all(
    names.map((name) => readFile(join(root, name, 'release.json'), 'utf8').catch(() => undefined)),
  )
  const releases = texts.filter((text) => text !== undefined).map((text) => JSON.parse(text) as ListedRelease)
  return releases.sort((a, b) => a.number - b.number)
}

/** Live processes of a world that are neither its supervisor nor a service's nor descend from one. */
export async function orphans(world: World, services: readonly number[]): Promise<string[]> {
  const all = await processesWith(world.env.OPS_TEST_WORLD as string)
  const owned = new Set(services)
  const supervisors = all.filter(({ command }) => command.includes('dist/supervisor.js'))
  const [supervisor] = supervisors
  if (supervisor) owned.add(supervisor.pid)
  for (let size = 0; size < owned.size; ) {
    size = owned.size
    for (const { pid, parent } of all) if (services.includes(parent) || owned.has(parent)) owned.add(pid)
  }
  // What descends from the supervisor without being a service is one that nobody knows of.
  const known = new Set([...services, ...(supervisor ? [supervisor.pid] : [])])
  const strangers = all.filter(({ pid, parent }) => !owned.has(pid) || (parent === supervisor?.pid && !known.has(pid)))
  return strangers.map(({ pid, command }) => `${pid} ${command}`)
}

type ServiceStatus = { service: string; status: string; health: string; pid: number }

/** What must be true when nothing is left to be recovered. `version` is what the API is to say. */
export async function assertSound(
  world: World,
  expected: { version?: string; released: boolean },
  about: string,
): Promise<void> {
  const [status, migrations] = await Promise.all([
    done(world, ['services', 'status', '--json']),
    done(world, ['migrate', 'status', '--json']),
  ])
  for (const ended of [status, migrations]) {
    assert.not.match(ended.stderr, /unfinished|not finished|without a word|left work/, `${about}: ${shown(ended)}`)
  }
  const services = (JSON.parse(status.stdout) as { result: { services: ServiceStatus[] } }).result.services
  assert.equal(
    services.map(({ service, status, health }) => `${service} ${status} ${health}`).sort(),
    ['api running healthy', 'postgres running healthy'],
    `${about}: ${shown(status)}`,
  )
  const { reachable, migrations: files } = (
    JSON.parse(migrations.stdout) as { result: { reachable: boolean; migrations: { state: string }[] } }
  ).result
  assert.ok(reachable, about)
  assert.ok(
    files.every(({ state }) => state === 'applied'),
    `${about}: ${migrations.stdout}`,
  )

  const releases = await releasesOf(world)
  assert.equal(
    releases.filter(({ outcome }) => outcome === 'pending'),
    [],
    `${about}: no release may stay pending`,
  )
  const [version, served] = ((await world.get('/version'))?.body ?? 'nothing').split(' ')
  if (expected.version !== undefined) {
    assert.is(version, expected.version, `${about}: serves ${version} ${served} instead of ${expected.version}`)
  }
  if (expected.released) {
    const listed = await done(world, ['releases', 'dev', '--json'])
    const { current } = (JSON.parse(listed.stdout) as { result: { current: number } }).result
    // A release that leaves a service as it is names the older one whose files that runs from.
    const record = releases.find(({ number }) => number === current)
    const from = record?.services.find(({ service }) => service === 'api')?.spec?.source.release
    assert.is(
      Number(served),
      from,
      `${about}: release ${current} is current, its api is of ${from}, and ${served} runs`,
    )
    assert.is(record?.outcome, 'healthy', about)
  }
  const open = await openTickets(world)
  assert.equal(open, [], `${about}: the lock must be free: ${open}`)
  const pids = services.map(({ pid }) => pid)
  await until(async () => (await orphans(world, pids)).length === 0, { what: 'no orphan', deadline: 15_000 }).catch(
    () => {},
  )
  const left = await orphans(world, pids)
  assert.equal(left, [], `${about}: left running: ${left.join('; ')}`)
}

/** Tickets of the lock that nobody has ended and whose owner lives. Those of the dead are taken over by who comes next. */
async function openTickets(world: World): Promise<string[]> {
  const folder = join(world.folder, '.ops/locks/dev')
  const names: string[] = await readdir(folder).catch(() => [])
  const ends = new Set(names)
  const open: string[] = []
  for (const name of names.filter((one) => one.endsWith('.ticket') && !ends.has(one.replace('.ticket', '.end')))) {
    const { holder } = JSON.parse(await readFile(join(folder, name), 'utf8')) as { holder: { pid: number } }
    if (existsSync(`/proc/${holder.pid}`)) open.push(name)
  }
  return open
}

/** Numbers from 0 to 1, the same ones for the same seed (mulberry32). */
export function seeded(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}
