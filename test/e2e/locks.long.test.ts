import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, timeLimit, until } from '../support/index.ts'
import { expectExit, releasesOf, shown } from './deploys.ts'
import { makeWorld, textOf, type World } from './world.ts'

timeLimit(900_000)

const rounds = 200

/** The cheapest world there is: no build, no database, no server; two revisions differ in a variable. */
let world: World

const service = (word: string): [path: string, text: string] => [
  'config/services/api.yaml',
  `name: api
category: applications
local: { command: [sleep, '3600'], grace: 1s }
configuration: { environment_variables: { GREETING: ${word} } }
health: { probes: [], interval: 10ms, passes: 1, deadline: 20s }
`,
]

const taskfile = `
import { appendFileSync, existsSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { number, task } from 'vital-ops'
import { operations } from 'vital-ops/operations'

export default operations()

export const hold = task({
  description: 'Waits as long as a file is there',
  args: { release: number() },
  run: async ({ args, workspaceFolder, signal }) => {
    appendFileSync(workspaceFolder + '/.ops/held', args.release + '\\n')
    while (existsSync(workspaceFolder + '/.ops/hold')) await pause(50, undefined, { signal })
  },
})
`

test.before(async () => {
  world = await makeWorld({ taskfile })
  await rm(join(world.folder, 'config/services/postgres.yaml'))
  await world.write('config/environments/.env.dev.example', '')
  await world.write('config/environments/dev.yaml', 'name: dev\nplatform: local\ndeploy: { keep: 2 }\n')
  for (const word of ['one', 'two', 'three']) {
    const [path, text] = service(word)
    await world.write(path, text)
    await world.commit('good', word)
    await world.git('tag', word)
  }
  await expectExit(0, world, ['deploy', 'dev', '--revision', 'three'])
})
test.after(() => world.end())

const current = async (): Promise<number> =>
  JSON.parse((await textOf(world, '.ops/releases/dev/current.json')) ?? '{}').release

test(`${rounds} races of two deploys: in each exactly one changes anything`, async () => {
  const counted = { changed: 0, locked: 0, nothing: 0 }
  let before = await current()
  const began = performance.now()
  for (let round = 0; round < rounds; round++) {
    const args = ['deploy', 'dev', '--revision', round % 2 === 0 ? 'one' : 'two']
    const both = await Promise.all([world.task(args, { timeout: 120_000 }), world.task(args, { timeout: 120_000 })])
    const kinds = both.map((ended) => {
      const text = shown(ended)
      if (ended.status === 4) {
        assert.match(text, /\S+@\S+.*deploy (one|two)|deploy (one|two).*\S+@\S+/s, `round ${round}: ${text}`)
        return 'locked' as const
      }
      assert.is(ended.status, 0, `round ${round}: ${text}`)
      return /nothing was changed|nothing to do/.test(text) ? ('nothing' as const) : ('changed' as const)
    })
    for (const kind of kinds) counted[kind] += 1
    const after = await current()
    const said = both.map(shown).join('\n----\n')
    assert.is(kinds.filter((kind) => kind === 'changed').length, 1, `round ${round}: ${kinds}\n${said}`)
    assert.is(after, before + 1, `round ${round}: one release more\n${said}`)
    before = after
  }
  const seconds = Math.round((performance.now() - began) / 1000)
  note(`${rounds} races in ${seconds} s: ${JSON.stringify(counted)}`)
  assert.is(counted.changed, rounds)
  assert.ok(counted.locked > 0, 'no two of them ever met')
})

test('a holder that was stopped past its expiry stops by itself and changes nothing', async () => {
  // The lease lasts longer than the op that runs: a short timeout makes it a short one.
  const hooks = '{ beforeBuild: [{ task: hold, timeout: 4s }] }'
  await world.write('config/environments/dev.yaml', `name: dev\nplatform: local\ndeploy: { hooks: ${hooks} }\n`)
  await world.commit('good', 'four')
  const [path, text] = service('five')
  const hold = join(world.folder, '.ops/hold')
  await writeFile(hold, '')
  const env = { OPS_LOCK_TTL: '2s' }
  const before = await current()
  await world.write(path, text)
  await world.commit('good', 'five')
  const first = world.start(['deploy', 'dev'], { env, timeout: 200_000 })
  await until(async () => (await textOf(world, '.ops/held'))?.includes(`${before + 1}\n`), {
    what: 'the first one to be in its hook',
    deadline: 60_000,
  })
  process.kill(first.pid, 'SIGSTOP')
  await rm(hold)
  const [, other] = service('six')
  await world.write(path, other)
  await world.commit('good', 'six')
  // Who is told that it is locked asks again, until the lease has expired.
  const second = await until(
    async () => {
      const ended = await world.task(['deploy', 'dev'], { env, timeout: 120_000 })
      if (ended.status === 4) return undefined
      return ended
    },
    { what: 'the lease to expire', deadline: 120_000 },
  )
  assert.is(second.status, 0, shown(second))
  const settled = await releasesOf(world)
  process.kill(first.pid, 'SIGCONT')
  const ended = await first.ended
  assert.is(ended.status, 4, shown(ended))
  assert.match(shown(ended), /lock/)
  assert.equal(await releasesOf(world), settled)
  assert.is(settled.current, before + 2)
  assert.not(settled.releases.some(({ outcome }) => outcome === 'pending'))
})

test.run()
