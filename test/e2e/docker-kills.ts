/**
 * What the suites of killed commands on a Docker engine share: the smallest workspace with the usual kinds of ops, rounds of kills, and what must hold
 * once another command has recovered. Commands cost seconds there, so that looks at the engine are taken without one.
 */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { findUnfinished } from '../../lib/execute/recovery.ts'
import { dockerEngine } from '../../lib/platform/docker/engine.ts'
import { dockerLock } from '../../lib/platform/docker/lock.ts'
import { dockerReleases } from '../../lib/platform/docker/releases.ts'
import { busybox } from '../images/index.ts'
import { note, until } from '../support/index.ts'
import { type DockerWorld, type DockerWorldOptions, makeDockerWorld } from './docker-world.ts'
import { die, done, newestJournal, plannedOps, pointsOf, shown } from './rounds.ts'

/** A workspace that is killed in, and what stands beside it on the engine and is nobody's business here. */
export type KillWorld = DockerWorld & {
  releases: ReturnType<typeof dockerReleases>
  /** Its networks by name. */
  networks(): Promise<string[]>
  /** Its containers of the lock, and how many of what keeps the releases. */
  others(): Promise<string[]>
  /** That nothing is left aside or unfinished, that these containers (by name and state) are all, and that nobody else's things were touched. */
  sound(containers: RegExp[]): Promise<void>
}

/** Makes the workspace, with revisions `one`, `two` and `three`, and things of others with the same names of services beside it. */
export async function makeKillWorld(options: DockerWorldOptions = {}): Promise<KillWorld> {
  const health = 'interval: 50ms\n  passes: 1\n  deadline: 120s'
  const world = await makeDockerWorld({ services: [], keep: 1, tiny: '${BUSYBOX_IMAGE}', health, ...options })
  const { engine, name, id, folder } = world
  for (const revision of ['one', 'two', 'three']) {
    await world.commit('good', revision)
    await world.git('tag', revision)
  }
  const foreign = [
    { workspace: id, environment: 'prod' },
    { workspace: `${id}x`, environment: 'dev' },
  ]
  const image = await busybox(engine)
  for (const [index, { workspace, environment }] of foreign.entries()) {
    const labels = ['--label', `vital-ops.workspace=${workspace}`, '--label', `vital-ops.environment=${environment}`]
    const network = `${name}-other-${index}`
    await engine.docker(['network', 'create', ...labels, network])
    // Never started, as what a dead run leaves, and replaced, as what a deploy keeps.
    for (const what of ['web-1', 'web-2.before-run-1']) {
      const made = ['--name', `${network}-${what}`, '--network', network, '--volume', '/scratch']
      await engine.docker(['create', ...labels, '--label', 'vital-ops.service=web', ...made, image, 'sleep', '3000'])
    }
  }
  const lines = async (args: string[]) => (await engine.docker(args)).split('\n').filter(Boolean).sort()
  const own = ['--filter', `label=vital-ops.workspace=${id}`, '--filter', 'label=vital-ops.environment=dev']
  const strangers = async () => [
    await lines(['ps', '--all', '--no-trunc', '--filter', `name=${name}-other`, '--format', '{{.ID}} {{.Names}}']),
    await lines(['network', 'ls', '--no-trunc', '--filter', `name=${name}-other`, '--format', '{{.ID}} {{.Name}}']),
  ]
  const before = await strangers()
  const owner = { workspaceName: name, workspaceId: id, environment: 'dev' }
  const at = dockerEngine({ host: engine.host })
  const releases = dockerReleases(at, owner)
  const lock = dockerLock({ engine: at, owner })
  const anonymous = new Set<string>()
  const networks = () => lines(['network', 'ls', ...own, '--format', '{{.Name}}'])
  const others = () => lines(['ps', '--all', ...own, '--filter', 'label=vital-ops.role', '--format', '{{.Names}}'])
  return {
    ...world,
    releases,
    networks,
    others,
    async sound(wanted) {
      const format = '{{.ID}} {{.Names}} {{.State}}'
      const containers = await lines(['ps', '--all', ...own, '--filter', 'label=vital-ops.service', '--format', format])
      const named = containers.map((line) => line.split(' ').slice(1).join(' ')).sort()
      assert.is(named.length, wanted.length, `containers: ${named.join(', ')}`)
      for (const [index, pattern] of wanted.entries()) assert.match(named[index] ?? '', pattern)
      assert.equal(await lock.inspect(), undefined, 'the lock is free')
      // A ticket of the dead goes with the next change.
      const tickets = (await others()).filter((one) => !one.includes('.releases-'))
      assert.ok(tickets.length <= 1, `tickets: ${tickets}`)
      const unfinished = await findUnfinished({ ops: join(folder, '.ops'), environment: 'dev', releases }, undefined)
      assert.equal(unfinished, undefined, 'nothing is unfinished')
      assert.equal(await strangers(), before, 'what others have')
      const ids = containers.map((line) => line.split(' ')[0] as string)
      const mounts = '{{range .Mounts}}{{if eq .Type "volume"}}{{.Name}} {{end}}{{end}}'
      const used =
        ids.length === 0
          ? []
          : (await engine.docker(['inspect', '--format', mounts, ...ids])).split(/\s+/).filter(Boolean)
      const there = new Set(await lines(['volume', 'ls', '--format', '{{.Name}}']))
      const orphaned = [...anonymous].filter((volume) => there.has(volume) && !used.includes(volume))
      assert.equal(orphaned, [], 'no anonymous volume outlives its container')
      for (const volume of used) anonymous.add(volume)
    },
    async end() {
      const left = await lines(['ps', '--all', '--quiet', '--filter', `name=${name}-other`])
      if (left.length > 0) await engine.try(['rm', '--force', '--volumes', ...left])
      const nets = await lines(['network', 'ls', '--quiet', '--filter', `name=${name}-other`])
      if (nets.length > 0) await engine.try(['network', 'rm', ...nets])
      await world.end()
    },
  }
}

/** The points of a plan, and its kinds of ops: looked up by a run that nobody disturbs. */
export async function pointsOfRun(
  world: DockerWorld,
  command: string[],
): Promise<{ points: string[]; kinds: string[] }> {
  const ops = await plannedOps(world, command)
  await done(world, command)
  return {
    points: pointsOf(ops, (await newestJournal(world))?.entries ?? []),
    kinds: [...new Set(ops.map(({ kind }) => kind))],
  }
}

/** Rounds of kills in one world; those that fail do not keep the next ones from being tried. */
export class Rounds {
  readonly failures: string[] = []
  readonly kinds = new Set<string>()
  readonly #counts = new Map<string, number>()
  readonly #world: DockerWorld
  #begun = performance.now()

  constructor(world: DockerWorld) {
    this.#world = world
  }

  /** Kills a command at a point, recovers by these commands, and looks. `resume` and `abort` may find nothing unfinished. */
  async kill(name: string, command: string[], point: string, recovery: string[][], check: () => Promise<void>) {
    const about = `${name} killed at ${point}, then ${recovery.map((words) => words.join(' ')).join(', ') || 'nothing'}`
    try {
      await die(this.#world, command, point)
      for (const words of recovery) {
        const ended = await this.#world.task(words)
        const nothing = ['resume', 'abort'].includes(words[0] as string) && /has no unfinished/.test(ended.stderr)
        assert.is(ended.status, nothing ? 3 : 0, `task ${words.join(' ')}: ${shown(ended)}`)
      }
      await check()
      this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
    } catch (error) {
      this.failures.push(`${about}: ${(error as Error).message}`)
      assert.ok(this.failures.length < 5, this.failures.join('\n\n'))
    }
  }

  /** Notes how many points were covered; fails where one was not. */
  end(): void {
    const counted = [...this.#counts].map(([name, count]) => `${count} points of ${name}`).join(', ')
    const seconds = Math.round((performance.now() - this.#begun) / 1000)
    note(`${counted}, in ${seconds} s (${[...this.kinds].join(' ')})`)
    assert.is(this.failures.length, 0, this.failures.join('\n\n'))
  }
}

/** Makes another clone of a world's workspace, with the same revisions and values, and deletes the first with all that it kept. */
export async function moveToClone(world: DockerWorld): Promise<DockerWorld> {
  const clone = await makeDockerWorld({ clone: world, services: [], tiny: '${BUSYBOX_IMAGE}' })
  await clone.git('fetch', '-q', '--tags', world.folder, 'main')
  await clone.git('reset', '-q', '--hard', 'FETCH_HEAD')
  await rm(world.folder, { recursive: true, force: true })
  return clone
}

const deploy = (revision: string) => ['deploy', 'dev', '--revision', revision]
const rollback = ['rollback', 'dev']

/** Deploys by turns of two revisions, each followed by a rollback to the first release. */
export async function releaseRounds(
  options: { overlap?: boolean },
  wanted: RegExp[],
  isTried: (point: string) => boolean,
): Promise<void> {
  const world = await makeKillWorld(options)
  const rounds = new Rounds(world)
  try {
    await done(world, deploy('one'))
    const networks = await world.networks()
    const sound = async (revision: string) => {
      await world.sound(wanted)
      assert.equal(await world.networks(), networks)
      // A proxy goes by the service's name again as soon as the engine's answer of before has expired.
      await until(async () => (await version(world)) === revision, { what: `revision ${revision}`, deadline: 60_000 })
      const releases = await world.releases.list()
      const current = await world.releases.current()
      assert.is(releases.filter(({ outcome }) => outcome === 'pending').length, 0)
      const commit = await world.git('rev-parse', revision)
      assert.is(releases.find(({ number }) => number === current)?.commit, commit)
    }
    // So that there is something to be pruned.
    for (const revision of ['two', 'three']) {
      await done(world, deploy(revision))
      await done(world, rollback)
    }
    const back = await pointsOfDeployAndBack(world, rounds)
    const forth = back.deploy.filter(isTried)
    const rollbacks = back.rollback.filter(isTried)
    for (const [index, point] of forth.entries()) {
      const command = deploy(index % 2 === 0 ? 'three' : 'two')
      const revision = command.at(-1) as string
      const ways = [[command], [['resume', 'dev'], command], [command], [['abort', 'dev'], command]]
      await rounds.kill('deploy', command, point, ways[index % ways.length] as string[][], () => sound(revision))
      const at = rollbacks[index]
      if (at === undefined) continue
      // What had ended in order is not to be done again: that would go further back.
      const again = at === 'run-ended:after' ? [['services', 'up']] : [rollback]
      await rounds.kill('rollback', rollback, at, again, () => sound('one'))
    }
    assert.ok(forth.length >= rollbacks.length)
    rounds.end()
  } finally {
    await world.end()
  }
}

async function pointsOfDeployAndBack(world: KillWorld, { kinds }: Rounds) {
  const [forth, back] = [await pointsOfRun(world, deploy('two')), await pointsOfRun(world, rollback)]
  for (const kind of [...forth.kinds, ...back.kinds]) kinds.add(kind)
  return { deploy: forth.points, rollback: back.points }
}

const version = async (world: KillWorld): Promise<string | undefined> => {
  const body = (await world.get('/version'))?.body
  return body?.startsWith('{') ? (JSON.parse(body) as { version: string }).version : undefined
}
