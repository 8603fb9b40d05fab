/** Two machines that ask for the same lock of one engine at the same moment. */
import { type ChildProcess, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createInterface } from 'node:readline'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { bundleScript } from '../../execute/support/script.ts'
import { engine } from '../../support/docker.ts'
import { note, timeLimit } from '../../support/index.ts'

timeLimit(1_200_000)

const races = 200
/** So many environments at once: most of a race is waiting for the engine. */
const lanes = 5

type Answer = {
  acquired?: boolean
  code?: string
  outcome?: string
  message?: string
  takenFrom?: number
  held?: boolean
}

/** A process that sees no other process, as if it were on another machine. */
class Racer {
  readonly run: string
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  #asked = 0

  constructor(script: string, run: string, argument: object) {
    this.run = run
    const own = ['--pid', '--fork', '--mount-proc', '--kill-child']
    this.#child = spawn('unshare', [...own, process.execPath, script, JSON.stringify({ ...argument, run })], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    createInterface({ input: this.#child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const { id, ...answer } = JSON.parse(line) as Answer & { id: number }
      this.#waiting.get(id)?.(answer)
      this.#waiting.delete(id)
    })
  }

  ask(what: 'acquire' | 'release', environment: string): Promise<Answer> {
    this.#asked += 1
    const id = this.#asked
    return new Promise((resolve) => {
      this.#waiting.set(id, resolve)
      this.#child.stdin?.write(`${JSON.stringify({ id, do: what, environment })}\n`)
    })
  }

  end(): void {
    this.#child.kill('SIGKILL')
  }
}

test(`${races} races of two machines for one lock: in each exactly one gets it, and the other says who has it`, async () => {
  const { host, docker } = await engine()
  const script = await bundleScript('test/platform/docker/support/lock-racer.ts')
  const workspaceId = `race-${randomBytes(4).toString('hex')}`
  const racers = ['ada', 'grace'].map((run) => new Racer(script, run, { host, workspaceId })) as [Racer, Racer]
  const wins = new Map<string, number>()
  const left = () => docker(['ps', '--all', '--quiet', '--filter', `label=vital-ops.workspace=${workspaceId}`])
  let begun = 0
  let slow = 0
  const begin = performance.now()
  const race = async (environment: string, round: number) => {
    // By turns one of them asks first.
    const order = round % 2 === 0 ? racers : ([racers[1], racers[0]] as const)
    const answers = await Promise.all(order.map((racer) => racer.ask('acquire', environment)))
    const about = `race ${round} in ${environment}: ${JSON.stringify(answers)}`
    // An engine under load may not answer in time, and then nobody knows what has become of a question.
    if (answers.some(({ code }) => code === 'timed-out')) {
      slow += 1
      for (const racer of order) await racer.ask('release', environment)
      return false
    }
    const winners = order.filter((_, index) => answers[index]?.acquired)
    assert.is(winners.length, 1, about)
    const [winner] = winners as [Racer]
    const loser = answers.find(({ acquired }) => !acquired)
    assert.is(loser?.outcome, 'locked', about)
    assert.match(loser?.message ?? '', new RegExp(`deploy by ${winner.run}`), about)
    assert.is((await winner.ask('release', environment)).held, true, `${about}: it is still the winner's`)
    wins.set(winner.run, (wins.get(winner.run) ?? 0) + 1)
    return true
  }
  const lane = async (name: string) => {
    for (let environment = name; begun < races; ) {
      begun += 1
      // What was asked there may come about later.
      if (!(await race(environment, begun))) environment = `${name}-${begun}`
    }
  }
  try {
    await Promise.all(Array.from({ length: lanes }, (_, index) => lane(`lane-${index}`)))
    if (slow === 0) assert.is(await left(), '', 'nothing of any lock is left')
  } finally {
    for (const racer of racers) racer.end()
    for (const id of (await left()).split('\n').filter(Boolean)) await docker(['rm', '--force', '--volumes', id])
  }
  const seconds = Math.round((performance.now() - begin) / 1000)
  note(`${races} races in ${seconds} s: ${JSON.stringify(Object.fromEntries(wins))}`)
  assert.is([...wins.values()].reduce((sum, count) => sum + count, 0) + slow, races)
  assert.ok(slow < races / 10, `${slow} times the engine did not answer in time`)
})

test.run()
