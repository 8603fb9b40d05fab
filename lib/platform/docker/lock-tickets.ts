import { setTimeout as pause } from 'node:timers/promises'
import { z } from 'zod'
import { type Failure, FailureError, type Result } from '../../model/failure.ts'
import type { Holder } from '../../model/platform.ts'
import { monotonicMs, type Standing } from '../local/lock-liveness.ts'
import { beatSchema, holderSchema, ticketSchema } from '../lock-holder.ts'
import type { Engine } from './engine.ts'
import { dataFolder, hasHoldImage, holdImage, makeHoldImage } from './lock-image.ts'
import { label, labelArguments, labelFilters, type Owner, ownerLabels } from './names.ts'
import { packFiles, unpackFiles } from './releases-archive.ts'

/** Who asks for the lock, and how: what a ticket's label says. Times are of the asker's monotonic clock, in milliseconds. */
export type Wish = { mode: 'exclusive' | 'shared'; holder: Holder; standing: Standing; ttlMs: number }
type Said = Wish & { monotonicMs: number; at: string }

/** A ticket: a container. `said` is undefined where its label cannot be read. */
export type Ticket = { id: string; number: number; granted: boolean; said: Said | undefined }

/** A sign of life, good for `ttlMs`. */
export type Beat = { beat: number; ttlMs: number; monotonicMs: number; at: string }

/** What is kept with a ticket: its last sign of life, and whose work its owner has taken over, the oldest first. */
export type Kept = Beat & { inherits: Holder[] }

const inheritsSchema = z.array(holderSchema)

/** The label that holds what a ticket says. */
const ticketLabel = 'vital-ops.ticket'
/** How long one call of the engine may take: a lock that waits for ever is none. */
const callMs = 10_000
/** Calls that the engine refuses for what others do at the same moment are made again, so often. */
const attempts = 20
/** How long a container may be on its way whose name is taken and that is not there yet. */
const patienceMs = 3_000

/**
 * The tickets of one lock on an engine: containers whose *names* are numbers taken atomically, whose labels say who asks, and whose one file
 * is the heartbeat. A ticket is granted from the moment when its container is started: the engine's own pruning removes containers that do not
 * run, so it can remove a question, but never a lock that is held. All failures are `FailureError`s.
 */
export class Tickets {
  readonly #engine: Engine
  readonly #owner: Owner

  constructor(engine: Engine, owner: Owner) {
    this.#engine = engine
    this.#owner = owner
  }

  /** All tickets in the order of their numbers. */
  async scan(): Promise<Ticket[]> {
    const format = `{{.ID}}\t{{.Names}}\t{{.State}}\t{{.Label "${ticketLabel}"}}`
    const text = checked(
      await this.#engine.checked(['ps', '--all', '--no-trunc', ...labelFilters(this.#labels()), '--format', format], {
        timeoutMs: callMs,
      }),
    )
    return text
      .split('\n')
      .filter((line) => line !== '')
      .flatMap((line): Ticket[] => {
        const [id = '', names = '', state = '', ...said] = line.split('\t')
        const name = names.split(',').find((one) => one.startsWith(this.#prefix()))
        const number = Number(name?.slice(this.#prefix().length))
        // What is being removed has ended.
        if (!Number.isInteger(number) || state === 'removing') return []
        return [
          { id, number, granted: state !== 'created', said: parse(said.join('\t'), ticketSchema) as Said | undefined },
        ]
      })
      .sort((a, b) => a.number - b.number)
  }

  /**
   * Takes the next number. Of several that want one, exactly one has it. Whoever finds a higher one beside its own has looked too long ago, and
   * may have got a number that was used before: it takes another. So every ticket with a lower number was there when a ticket was taken.
   */
  async take(wish: Wish): Promise<{ id: string; number: number; takenAt: number }> {
    let tried = 0
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const number = Math.max((await this.scan()).at(-1)?.number ?? 0, tried) + 1
      tried = number
      const takenAt = monotonicMs()
      const id = await this.#create(number, { ...wish, monotonicMs: takenAt, at: new Date().toISOString() })
      if (id === undefined) continue
      const others = await this.scan()
      if (others.at(-1)?.id === id) return { id, number, takenAt }
      await this.remove(id)
      tried = Math.max(tried, others.at(-1)?.number ?? 0)
      await pause(20 + Math.random() * 80)
    }
    throw new FailureError(busy(this.#owner.environment))
  }

  /** Starts a ticket's container: now it is granted. False when it is not there any more. */
  async grant(id: string): Promise<boolean> {
    const started = await this.#engine.checked(['start', id], { timeoutMs: callMs })
    if (started.ok) return true
    if (!(await this.exists(id))) return false
    throw new FailureError(...started.failures)
  }

  /** Whether a ticket is there still. */
  async exists(id: string): Promise<boolean> {
    return (await this.scan()).some((ticket) => ticket.id === id)
  }

  /** Ends a ticket. By its id: whoever comes late removes nobody else's. */
  async remove(id: string): Promise<void> {
    const removed = await this.#engine.checked(['rm', '--force', '--volumes', id], { timeoutMs: callMs })
    if (!removed.ok && (await this.exists(id))) throw new FailureError(...removed.failures)
  }

  /** What is kept with a ticket; its own making is the first sign of life. Undefined when the ticket is gone. */
  async kept({ id, said }: Ticket): Promise<Kept | undefined> {
    const read = await this.#engine.checked(['cp', `${id}:${dataFolder}`, '-'], { timeoutMs: callMs })
    if (!read.ok) {
      if (await this.exists(id)) throw new FailureError(...read.failures)
      return undefined
    }
    const files = await unpackFiles(read.value)
    const file = (name: string) => files.get(`${dataFolder.slice(1)}/${name}`) ?? ''
    const beats = [0, 1].flatMap((slot) => (parse(file(beatFile(slot)), beatSchema) as Beat | undefined) ?? [])
    const last = beats.sort((a, b) => a.beat - b.beat).at(-1) ?? first(said)
    return { ...last, inherits: (parse(file('inherits'), inheritsSchema) as Holder[] | undefined) ?? [] }
  }

  /** Writes a sign of life in the place of the last but one: one of them is always whole. False when the ticket is gone. */
  writeBeat(id: string, beat: Beat): Promise<boolean> {
    return this.#put(id, beatFile(beat.beat % 2), beat)
  }

  /** Writes whose work was taken over; before the ticket is granted. False when the ticket is gone. */
  writeInherits(id: string, inherits: Holder[]): Promise<boolean> {
    return this.#put(id, 'inherits', inherits)
  }

  async #put(id: string, name: string, content: object): Promise<boolean> {
    const input = await packFiles([{ name, content: `${JSON.stringify(content)}\n`, mode: 0o644 }])
    const written = await this.#engine.checked(['cp', '-', `${id}:${dataFolder}`], { input, timeoutMs: callMs })
    if (written.ok) return true
    if (!(await this.exists(id))) return false
    throw new FailureError(...written.failures)
  }

  async #create(number: number, said: Said): Promise<string | undefined> {
    const name = `${this.#prefix()}${number}`
    const create = () =>
      this.#engine.checked(
        [
          ...['create', '--pull', 'never', '--name', name, '--network', 'none'],
          // Comes back with the engine, and does not hold up its end.
          ...['--restart', 'always', '--stop-signal', 'KILL'],
          ...labelArguments({ ...this.#labels(), [ticketLabel]: JSON.stringify(said) }),
          holdImage,
        ],
        { timeoutMs: callMs },
      )
    const since = monotonicMs()
    for (;;) {
      const created = await create()
      if (created.ok) return created.value.trim()
      // What the engine says is for people; what has happened is looked up.
      const taken = await this.#engine.run(['container', 'inspect', '--format', '{{.Id}}', name], { timeoutMs: callMs })
      if (!taken.ok) throw new FailureError(...taken.failures)
      if (taken.value.status === 0) return undefined
      if (!checked(await hasHoldImage(this.#engine))) checked(await makeHoldImage(this.#engine))
      else if (monotonicMs() - since > patienceMs) throw new FailureError(...created.failures)
      // The engine keeps a name from the moment that somebody asks for it, and shows the container only once that is made.
      else await pause(30 + Math.random() * 50)
    }
  }

  #labels(): Record<string, string> {
    return { ...ownerLabels(this.#owner), [label.role]: 'lock' }
  }

  /** The id is part of the name: workspaces that are called the same have locks of their own. */
  #prefix(): string {
    const { workspaceName, workspaceId, environment } = this.#owner
    return `${workspaceName}-${environment.replace(/[^A-Za-z0-9_.-]/g, '.')}.lock-${workspaceId}-`
  }
}

const first = (said: Said | undefined): Beat => ({
  beat: 0,
  ttlMs: said?.ttlMs ?? 0,
  monotonicMs: said?.monotonicMs ?? 0,
  at: said?.at ?? '',
})

const beatFile = (slot: number): string => `beat.${slot}`

function parse<T>(text: string, schema: z.ZodType<T>): T | undefined {
  try {
    return schema.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

function checked<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new FailureError(...result.failures)
}

const busy = (environment: string): Failure => ({
  code: 'lock-busy',
  message: `many ask for the lock of ${environment} at once; this one has got no turn`,
  outcome: 'locked',
  next: ['the same command again'],
})
