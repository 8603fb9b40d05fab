import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { until } from '../../support/index.ts'
import type { LockPlace } from './lock-place.ts'

/** What a peer answers; each answer has the members of its command. */
export type Answer = {
  acquired?: boolean
  takenFrom?: { pid: number }[]
  failure?: { code: string; message: string; outcome?: string; why?: string; next?: string[] }
  proved?: boolean
  released?: boolean
  alone?: boolean
}

/** A process of its own that takes locks (lock-peer.ts). */
export class Peer {
  readonly child: ChildProcess
  /** What it said unasked. */
  readonly said: { said?: string; lost?: boolean }[] = []
  readonly #answers: Answer[] = []
  #asked = 0

  /** @param place where its locks are, as `lockAt` takes it */
  constructor(script: string, place: LockPlace) {
    this.child = spawn(process.execPath, [script, JSON.stringify(place)], { stdio: ['pipe', 'pipe', 'inherit'] })
    this.child.stdin?.on('error', () => {})
    createInterface({ input: this.child.stdout as NodeJS.ReadableStream }).on('line', (line) => {
      const answer = JSON.parse(line) as Answer & { said?: string; lost?: boolean }
      if (answer.said !== undefined || answer.lost !== undefined) this.said.push(answer)
      else this.#answers.push(answer)
    })
  }

  get pid(): number {
    return this.child.pid as number
  }

  get isLost(): boolean {
    return this.said.some(({ lost }) => lost)
  }

  /** Sends a command without waiting. */
  tell(command: object): number {
    this.child.stdin?.write(`${JSON.stringify(command)}\n`)
    this.#asked += 1
    return this.#asked - 1
  }

  /** Sends a command and waits for its answer. */
  async ask(command: object, deadline = 60_000): Promise<Answer> {
    return this.answer(this.tell(command), deadline)
  }

  async answer(index: number, deadline = 60_000): Promise<Answer> {
    return until(() => this.#answers[index], { what: `answer ${index} of peer ${this.pid}`, deadline, every: 2 })
  }

  /** Kills it and waits for its end. */
  async kill(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const ended = new Promise((resolve) => this.child.once('exit', resolve))
    this.child.kill('SIGKILL')
    await ended
  }
}
