/** `kill -9` at every point of a failed deploy's way back: it is unfinished for whoever looks, and the next command goes the rest of it. */
import { rm } from 'node:fs/promises'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, timeLimit } from '../support/index.ts'
import { releasesOf } from './deploys.ts'
import { assertSound, die, done, newestJournal, opOf, shown } from './rounds.ts'
import { makeWorld } from './world.ts'

timeLimit(15 * 60_000)

const deploy = ['deploy', 'dev']
/** What is typed next, by turns. */
const recoveries = [
  ['abort', 'dev'],
  ['rollback', 'dev'],
  ['services', 'up'],
]

test('killed at any point of a way back, the next command ends it, with the journal or without', async () => {
  const world = await makeWorld({
    hooks: '{ onFailure: [{ task: warm }], afterRollback: [{ task: warm, repeatable: false }] }',
    health: 'interval: 100ms\n  passes: 2\n  deadline: 3s',
  })
  try {
    await done(world, ['setup', 'dev'])
    await done(world, deploy)
    await world.commit('crash', 'v2')
    assert.is((await world.task(deploy, { timeout: 120_000 })).status, 6)
    const entries = (await newestJournal(world))?.entries ?? []
    const second = entries.findLastIndex(({ type }) => type === 'plan-fixed')
    const ops = [...new Set(entries.slice(second).flatMap((entry) => opOf(entry) ?? []))]
    const points = [
      ...ops.flatMap((op) => ['before', 'effect', 'after'].map((phase) => `2/${op}:${phase}`)),
      ...['release-closed', 'run-ended'].flatMap((type) => [`${type}:before`, `${type}:after`]),
    ]
    assert.ok(ops.length >= 4, `hooks, a start and a gate: ${ops}`)
    const failures: string[] = []
    for (const [index, point] of points.entries()) {
      const command = recoveries[index % recoveries.length] as string[]
      // The record is closed before the journal says so.
      const isOpen = point.startsWith('2/')
      const about = `${point}, then ${command.join(' ')}`
      try {
        await world.commit('crash', `v${index + 3}`)
        await die(world, deploy, point)
        // Half of them as another clone finds it.
        if (isOpen && index % 2 === 0) await rm((await newestJournal(world))?.folder as string, { recursive: true })
        const looked = await world.task(['releases', 'dev'])
        if (isOpen) assert.match(looked.stderr, /task resume dev, or task abort dev/, `${about}: ${shown(looked)}`)
        // Once it has gone back in order, a rollback would go further, and there is nothing to abort.
        await done(world, isOpen ? command : ['services', 'up'])
        await assertSound(world, { version: 'v1', released: true }, about)
        assert.is((await releasesOf(world)).releases.at(-1)?.outcome, 'failed', about)
      } catch (error) {
        failures.push(`${about}: ${(error as Error).message}`)
        await world.task(['abort', 'dev'])
      }
    }
    note(`covered ${points.length - failures.length} of ${points.length} points of a way back`)
    if (failures.length > 0) throw new Error(failures.join('\n'))
  } finally {
    await world.end()
  }
})

test.run()
