import { randomInt, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { processesWith, start, temporaryFolder, timeLimit, until } from '../support/index.ts'
import { buildProgram, lives } from './support/fixture.ts'

const rounds = 200
timeLimit(600_000)

for (const how of ['process', 'command'] as const) {
  test(`a runner killed at ${rounds} random moments while it starts a ${how}: no orphan`, async () => {
    const program = await buildProgram('victim')
    const folder = temporaryFolder()
    let ran = 0
    for (let round = 1; round <= rounds; round++) {
      const marker = randomUUID()
      const mark = join(folder, `${round}`)
      const delay = randomInt(0, 8000)
      const victim = start([process.execPath, program, String(delay), how, mark], { env: { WINDOW_TEST: marker } })
      const { signal, stderr, stdout } = await victim.ended.catch((error) => {
        throw new Error(`round ${round}, ${delay} µs`, { cause: error })
      })
      assert.is(signal, 'SIGKILL', stderr)
      await until(async () => (await processesWith(marker)).length === 0, {
        what: `no orphan in round ${round}, killed after ${delay} µs`,
        deadline: 20_000,
      })
      await until(() => !lives(Number(stdout)), { what: 'the watchdog to end' })
      if (existsSync(mark)) ran++
    }
    // Both sides of the window were hit: otherwise the delays do not fit this machine, and nothing was shown.
    assert.ok(ran > rounds / 20, `the program ran in ${ran} of ${rounds} rounds`)
    assert.ok(ran < rounds - rounds / 20, `the program ran in ${ran} of ${rounds} rounds`)
  })
}

test.run()
