/** What can go wrong with a Docker engine itself: it stops in the middle, its disk is full. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type OwnEngine, startEngine } from '../support/docker.ts'
import { temporaryFolder, timeLimit, until } from '../support/index.ts'
import { expectExit, leftAside, shown, version, withWorld } from './docker-faults.ts'

timeLimit(1_200_000)

async function withEngine(args: string[], use: (own: OwnEngine) => Promise<void>) {
  const own = await startEngine(args)
  try {
    await use(own)
  } finally {
    await own.end()
  }
}

/** Ends the engine in order, as a restart of its host does. */
async function stopEngine(own: OwnEngine): Promise<string[]> {
  const pid = own.pid()
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0').filter(Boolean)
  process.kill(pid, 'SIGTERM')
  await until(async () => (await own.try(['version'])).status !== 0, { what: 'the engine to stop', deadline: 120_000 })
  // A zombie has no command any more: the keeper is its parent.
  await until(() => commandOf(pid) === '', { what: 'the end of the engine', deadline: 120_000 })
  return command
}

function commandOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

async function startAgain(own: OwnEngine, [program, ...args]: string[]): Promise<void> {
  spawn(program as string, args, { detached: true, stdio: 'ignore' }).unref()
  await until(async () => (await own.try(['version'])).status === 0, {
    what: 'the engine to answer',
    deadline: 120_000,
  })
}

test('the engine stops in the middle of a deploy: it is said, and once it is back the next deploy recovers', () =>
  withEngine([], (own) =>
    withWorld({ engine: own, health: 'interval: 200ms\n  passes: 2\n  deadline: 200s' }, async (world) => {
      await expectExit(0, world, ['deploy', 'dev'])
      await world.commit('unready', 'v2')
      const deploy = world.start(['deploy', 'dev'])
      await until(() => deploy.stderr().includes('▶ gate:web'), { what: 'the gate', deadline: 200_000 })
      const command = await stopEngine(own)
      const ended = await deploy.ended
      assert.is(ended.status, 8, shown(ended))
      assert.match(shown(ended), /the Docker engine .*does not answer/)
      const refused = await world.task(['deploy', 'dev'])
      assert.is(refused.status, 3, shown(refused))
      assert.match(shown(refused), /the Docker engine .*does not answer/)
      await startAgain(own, command)
      await world.commit('good', 'v3')
      await expectExit(0, world, ['deploy', 'dev'])
      assert.is(await version(world), 'v3')
      assert.equal(await leftAside(world), [])
      assert.not.match(await expectExit(0, world, ['services', 'status']), /unfinished|left work/)
    }),
  ))

test('a full disk: seen beforehand nothing is changed; full in the middle, the next deploy recovers', async () => {
  const folder = temporaryFolder()
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1g', 'tmpfs', folder])
  const filler = join(folder, 'filler')
  /** Leaves so many MiB. */
  const fill = (left: number) => {
    const free = Number(execFileSync('df', ['--output=avail', '-B1M', folder], { encoding: 'utf8' }).split('\n')[1])
    // Without a count until nothing is left, which is an error.
    const count = left === 0 ? [] : [`count=${Math.max(0, free - left)}`]
    spawnSync('dd', ['if=/dev/zero', `of=${filler}`, 'bs=1M', ...count], { stdio: 'ignore' })
  }
  try {
    await withEngine(['--data-root', join(folder, 'data')], (own) =>
      withWorld({ engine: own, health: 'interval: 200ms\n  passes: 2\n  deadline: 60s' }, async (world) => {
        await expectExit(0, world, ['deploy', 'dev'])
        await world.commit('unready', 'v2')
        fill(20)
        const said = await expectExit(3, world, ['deploy', 'dev'])
        assert.match(said, /only \d+ MiB are free on the disk of/)
        assert.is(await version(world), 'v1')
        rmSync(filler)

        const deploy = world.start(['deploy', 'dev'])
        await until(() => deploy.stderr().includes('▶ gate:web'), { what: 'the gate', deadline: 200_000 })
        fill(0)
        const ended = await deploy.ended
        // What can be done without a word on the disk is done: where it got to, it says.
        assert.ok([6, 7, 8].includes(ended.status ?? -1), shown(ended))
        rmSync(filler)
        await world.commit('good', 'v3')
        await expectExit(0, world, ['deploy', 'dev'])
        assert.is(await version(world), 'v3')
        assert.equal(await leftAside(world), [])
      }),
    )
  } finally {
    execFileSync('umount', ['--lazy', folder])
  }
})

test.run()
