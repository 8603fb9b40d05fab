import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { FailureError } from '../../model/failure.ts'
import type { Holder } from '../../model/platform.ts'
import { errorCode, fileFailure, readText } from '../../system/files.ts'
import { beatSchema, ticketSchema } from '../lock-holder.ts'
import { monotonicMs, type Standing } from './lock-liveness.ts'

/** An exclusive lock admits nobody beside it, shared ones each other. */
export type LockMode = 'exclusive' | 'shared'

/** Who asks for a lock, or holds it. Written complete, once; until its first beat it counts as one that is not held. */
export type Ticket = {
  mode: LockMode
  holder: Holder
  standing: Standing
  ttlMs: number
  monotonicMs: number
  at: string
}

/** A ticket before it is taken. */
export type TicketWish = Omit<Ticket, 'monotonicMs' | 'at'>

/**
 * A holder's sign of life. `beat` counts up; `monotonicMs` is the machine's monotonic clock and `at` the time of day when it was
 * written; it is good for `ttlMs`. Not `held`: its owner has not been granted the lock yet.
 */
export type Beat = { beat: number; ttlMs: number; held: boolean; monotonicMs: number; at: string }

/**
 * How a ticket's life ended, decided once and for all by who makes the file: given back, never granted, taken over from an owner
 * that is dead or silent, or replaced by its owner's own newer one.
 */
export type End = { how: 'released' | 'withdrawn' | 'taken' | 'renewed'; run: string; at: string }

/** The tickets at one moment. */
export type Scan = { numbers: number[]; ended: ReadonlySet<number>; highest: number }

const heldBeatSchema = beatSchema.extend({ held: z.boolean() })
const endSchema = z.looseObject({
  how: z.enum(['released', 'withdrawn', 'taken', 'renewed']),
  run: z.string(),
  at: z.string(),
})
const floorSchema = z.looseObject({ floor: z.int() })

/** Left by a process that was killed between writing a file and naming it; older than this it goes. */
const litterMs = 60 * 60_000

/**
 * The files of one lock: `<n>.ticket`, `<n>.beat`, `<n>.end` with numbers that only grow, and `floor`, up to which they were pruned.
 * Tickets and ends get their name by link(2) from a complete file: exactly one of several makes it. All failures are `FailureError`s.
 */
export class LockFiles {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
  }

  /** All tickets above the floor, in their order. */
  async scan(): Promise<Scan> {
    const floor = await this.#floor()
    const names = await this.#names()
    const of = (suffix: string) =>
      names
        .filter((name) => name.endsWith(suffix) && /^\d+\./.test(name))
        .map((name) => Number.parseInt(name, 10))
        .filter((number) => number > floor)
    const numbers = of('.ticket').sort((a, b) => a - b)
    return { numbers, ended: new Set(of('.end')), highest: numbers.at(-1) ?? floor }
  }

  /** Writes a ticket under the next free number and returns that, and when it was taken on the monotonic clock. */
  async take(wish: TicketWish): Promise<{ number: number; takenAt: number }> {
    await mkdir(this.folder, { recursive: true }).catch((error) => this.#fail(error, 'made'))
    for (;;) {
      const number = (await this.scan()).highest + 1
      const ticket: Ticket = { ...wish, monotonicMs: monotonicMs(), at: new Date().toISOString() }
      if (!(await this.#create(`${number}.ticket`, ticket))) continue
      // Who read the folder long ago may have got a number that was used and pruned meanwhile: the floor tells.
      if (number > (await this.#floor())) return { number, takenAt: ticket.monotonicMs }
      await unlink(this.#path(`${number}.ticket`)).catch(() => {})
    }
  }

  /** A ticket; undefined where there is none (any more), `unreadable` where it is none. */
  async ticket(number: number): Promise<Ticket | 'unreadable' | undefined> {
    return this.#read(`${number}.ticket`, ticketSchema) as Promise<Ticket | 'unreadable' | undefined>
  }

  /** The last sign of life; that of the ticket itself before there is one. */
  async beat(number: number, { ttlMs, monotonicMs, at }: Ticket): Promise<Beat> {
    const beat = await this.#read(`${number}.beat`, heldBeatSchema)
    return beat === undefined || beat === 'unreadable' ? { beat: 0, ttlMs, held: false, monotonicMs, at } : beat
  }

  /** Replaces the sign of life. One writer a ticket. It is data for the living and need not survive a power cut. */
  async writeBeat(number: number, beat: Beat): Promise<void> {
    const temporary = this.#path(`.${number}.beat.tmp`)
    try {
      const handle = await open(temporary, 'w', 0o644)
      await handle.writeFile(`${JSON.stringify(beat)}\n`).finally(() => handle.close())
      await rename(temporary, this.#path(`${number}.beat`))
    } catch (error) {
      this.#fail(error, 'written')
    }
  }

  /** How a ticket's life ended; undefined while it goes on. */
  async ended(number: number): Promise<End | undefined> {
    const end = await this.#read(`${number}.end`, endSchema)
    return end === 'unreadable' ? { how: 'taken', run: 'unknown', at: '' } : end
  }

  /** Ends a ticket's life; false when somebody else has. */
  async end(number: number, end: End): Promise<boolean> {
    return this.#create(`${number}.end`, end)
  }

  /** Forgets the tickets up to a number, all of which have ended. */
  async prune(upTo: number): Promise<void> {
    if (upTo <= (await this.#floor())) return
    const temporary = this.#path(`.floor-${randomBytes(6).toString('hex')}.tmp`)
    await this.#write(temporary, { floor: upTo })
    await rename(temporary, this.#path('floor')).catch((error) => this.#fail(error, 'written'))
    for (const name of await this.#names()) {
      const number = /^\.?(\d+)\./.exec(name)?.[1]
      const old = number !== undefined ? Number(number) <= upTo : name.endsWith('.tmp') && (await this.#isLitter(name))
      if (old) await unlink(this.#path(name)).catch(() => {})
    }
  }

  async #isLitter(name: string): Promise<boolean> {
    const found = await stat(this.#path(name)).catch(() => undefined)
    return found !== undefined && Math.abs(Date.now() - found.mtimeMs) > litterMs
  }

  async #floor(): Promise<number> {
    const floor = await this.#read('floor', floorSchema)
    return floor === undefined || floor === 'unreadable' ? 0 : floor.floor
  }

  async #names(): Promise<string[]> {
    try {
      return await readdir(this.folder)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      return this.#fail(error, 'read')
    }
  }

  async #read<T>(name: string, schema: z.ZodType<T>): Promise<T | 'unreadable' | undefined> {
    const text = await readText(this.#path(name))
    if (text === undefined) return undefined
    try {
      return schema.parse(JSON.parse(text))
    } catch {
      return 'unreadable'
    }
  }

  /** Makes a file with its content in one step; false when the name is taken. */
  async #create(name: string, content: object): Promise<boolean> {
    const temporary = this.#path(`.new-${randomBytes(6).toString('hex')}.tmp`)
    await this.#write(temporary, content)
    try {
      await link(temporary, this.#path(name))
      return true
    } catch (error) {
      if (errorCode(error) === 'EEXIST') return false
      if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errorCode(error) ?? '')) throw this.#noLinks()
      return this.#fail(error, 'written')
    } finally {
      await unlink(temporary).catch(() => {})
    }
  }

  async #write(path: string, content: object): Promise<void> {
    try {
      const handle = await open(path, 'wx', 0o644)
      try {
        await handle.writeFile(`${JSON.stringify(content)}\n`)
        await handle.sync()
      } finally {
        await handle.close()
      }
    } catch (error) {
      this.#fail(error, 'written')
    }
  }

  #path(name: string): string {
    return join(this.folder, name)
  }

  #fail(error: unknown, done: string): never {
    throw new FailureError(fileFailure(error, done, this.folder))
  }

  #noLinks(): FailureError {
    return new FailureError({
      code: 'no-hard-links',
      message: `${this.folder} lies on a file system without hard links, so nothing there can be locked`,
      why: 'a lock that two could hold is none (see docs/locks.md)',
      next: ['move the workspace to a local disk'],
      outcome: 'unchanged',
    })
  }
}
