import { mkdir, rename, rm, stat, truncate } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type DatabaseAddress, withDatabase } from '../../database/connect.ts'
import { FailureError, ok, unwrap } from '../../model/failure.ts'
import { readJson, syncFolder, writeFileAtomic } from '../../system/files.ts'
import { runClient } from '../client-run.ts'
import { streamSchema, type WalStream } from './archive.ts'
import { parsePosition, startOf } from './segments.ts'
import { namesIn, Shipper, type Shipping } from './shipping.ts'
import { createSlot, dropSlots, limitSlots, markTime, observeWal, receivedPosition, slotOf } from './slot.ts'

/** What the receiver works with. */
export type Receiving = Omit<Shipping, 'signal'> & {
  address: Omit<DatabaseAddress, 'signal'>
  /** The program. */
  program: string
  /** A private folder, where WAL is until it is in the targets. */
  spool: string
  /** How often what there is of an incomplete file is shipped, too, in milliseconds. */
  everyMs: number
  /** How much the server keeps while nothing is received, and the spool while a target takes nothing, in bytes. */
  keepBytes: number
  output(line: string): void
}

/** What the receiver last had to say, beside what it has received. Times are ISO 8601. */
export type ReceiverStatus = {
  at: string
  stream: string | null
  until: string | null
  problems: string[]
}

/** Where the receiver says how it fares. */
export const statusPath = (spool: string): string => join(spool, 'status.json')

/** How often is looked for complete files, in milliseconds. */
const lookMs = 250
const longestRetryMs = 15_000

/**
 * Receives the WAL of a server as it is written, and ships it to the targets, until the signal is aborted. Whatever fails is tried again: a server that
 * is down, a target that takes nothing. Never throws for an expected failure.
 */
export async function receiveWal(receiving: Receiving, signal: AbortSignal): Promise<void> {
  await mkdir(receiving.spool, { recursive: true, mode: 0o700 })
  let said = ''
  for (let retryMs = 500; !signal.aborted; retryMs = Math.min(longestRetryMs, retryMs * 2)) {
    const began = performance.now()
    const problem = await receiveOnce(receiving, signal).then(
      () => 'the server has ended the stream',
      (error: unknown) => {
        if (signal.aborted) return ''
        if (!(error instanceof FailureError)) throw error
        return [error.message, ...error.failures.flatMap(({ lines = [] }) => lines)].join('\n')
      },
    )
    if (signal.aborted) return
    if (problem !== said) receiving.output(problem)
    said = problem
    await saveStatus(receiving, null, null, [problem])
    if (performance.now() - began > 5000) retryMs = 500
    await pause(retryMs, undefined, { signal }).catch(() => {})
  }
}

async function saveStatus(
  { spool }: Receiving,
  stream: string | null,
  until: Date | null,
  problems: string[],
): Promise<void> {
  const last = (await readJson(statusPath(spool)).catch(() => undefined)) as ReceiverStatus | undefined
  const status: ReceiverStatus = {
    at: new Date().toISOString(),
    stream: stream ?? last?.stream ?? null,
    until: until?.toISOString() ?? last?.until ?? null,
    problems,
  }
  await writeFileAtomic(statusPath(spool), `${JSON.stringify(status, undefined, 2)}\n`, { mode: 0o600 })
}

async function receiveOnce(receiving: Receiving, signal: AbortSignal): Promise<void> {
  const { address, spool, output } = receiving
  const stream = unwrap(
    await withDatabase({ ...address, signal }, async (session) => ok(await prepare(session, receiving))),
  )
  const folder = join(spool, stream.stream)
  await mkdir(folder, { recursive: true, mode: 0o700 })
  await mendPartial(receiving, stream, folder, signal)
  await writeFileAtomic(join(folder, 'stream.json'), `${JSON.stringify(stream)}\n`, { mode: 0o600 })
  await shipOlder(receiving, stream.stream, signal)
  const shipper = new Shipper({ ...receiving, signal }, stream, folder)
  if ((await shipper.shipComplete()) > receiving.keepBytes) {
    await saveStatus(receiving, stream.stream, null, problemsOf(shipper))
    throw new FailureError(spoolFull(receiving))
  }
  const ending = new AbortController()
  let ended = false
  let failure: unknown
  const program = [
    receiving.program,
    `--directory=${folder}`,
    `--slot=${slotOf(stream.stream)}`,
    '--synchronous',
    '--no-loop',
    '--no-password',
  ] as [string, ...string[]]
  const running = runClient(program, { address, signal: AbortSignal.any([signal, ending.signal]), output })
    .catch((error: unknown) => {
      failure = error
    })
    .finally(() => {
      ended = true
    })
  try {
    output(`receives the WAL of ${receiving.service} into ${stream.stream}`)
    let marked = Number.NEGATIVE_INFINITY
    while (!ended) {
      const waiting = await shipper.shipComplete()
      if (waiting > receiving.keepBytes) throw new FailureError(spoolFull(receiving))
      if (performance.now() - marked >= receiving.everyMs) {
        marked = performance.now()
        const problem = await shipMarked(receiving, stream, shipper, signal)
        await saveStatus(receiving, stream.stream, shipper.until ?? null, [
          ...problemsOf(shipper),
          ...(problem === undefined ? [] : [problem]),
        ])
      }
      await pause(lookMs, undefined, { signal })
    }
  } finally {
    ending.abort()
    await running
  }
  // What the server has sent before it ended.
  await shipper.shipComplete()
  await shipper.shipPartial()
  if (failure !== undefined) throw failure
}

const problemsOf = (shipper: Shipper): string[] =>
  shipper.failures().map(({ target, failure }) => `${target}: ${failure.message}`)

/** Finds or makes the slot. One that has lost its WAL begins anew: what is missing in between no one has any more. */
async function prepare(
  session: Parameters<typeof observeWal>[0],
  { owner, service, keepBytes, output }: Receiving,
): Promise<WalStream> {
  const server = await observeWal(session)
  let { slot } = server
  if (slot?.lost) {
    output(
      `the server has thrown away WAL that was to be kept for ${slot.stream}; another stream begins, which needs a backup of its own`,
    )
    await dropSlots(session)
    slot = undefined
  }
  // What its owner has limited further stays.
  if (server.limitBytes < 0 || server.limitBytes > keepBytes) await limitSlots(session, keepBytes)
  const now = new Date()
  return {
    format: 1,
    ...owner,
    service,
    stream: slot?.stream ?? (await createSlot(session, now)),
    system: server.system,
    timeline: server.timeline,
    segmentBytes: server.segmentBytes,
    server: server.version,
    created: now.toISOString(),
  }
}

/**
 * Mends what a receiver that was killed has left, at which pg_receivewal would stop for good. A file that it was still filling with zeros holds nothing yet, and it takes
 * only empty ones and those of full size. One that it has received to its end it would ask for again, while the server may have it no more: what was
 * acknowledged is on the disk, so it gets its name.
 */
async function mendPartial(
  { address }: Receiving,
  { stream, segmentBytes }: WalStream,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  const partial = (await namesIn(folder)).findLast((name) => /^[0-9A-F]{24}\.partial$/.test(name))
  if (partial === undefined) return
  const path = join(folder, partial)
  if ((await stat(path)).size !== segmentBytes) return truncate(path, 0)
  const received = unwrap(
    await withDatabase({ ...address, signal }, async (session) => ok(await receivedPosition(session, stream))),
  )
  const segment = partial.slice(0, 24)
  if (received === undefined || parsePosition(received) < startOf(segment, segmentBytes) + BigInt(segmentBytes)) return
  await rename(path, join(folder, segment))
  await syncFolder(folder)
}

/** Leaves a commit in the WAL, waits until it has been received, and ships what there is. Gives what went wrong. */
async function shipMarked(
  receiving: Receiving,
  { stream }: WalStream,
  shipper: Shipper,
  signal: AbortSignal,
): Promise<string | undefined> {
  const marked = await withDatabase({ ...receiving.address, signal }, async (session) => {
    const { at, position } = await markTime(session)
    const wanted = parsePosition(position)
    for (const deadline = performance.now() + 10_000; ; await pause(50, undefined, { signal })) {
      const received = await receivedPosition(session, stream)
      if (received !== undefined && parsePosition(received) >= wanted) return ok({ at, position: wanted })
      if (performance.now() > deadline) return ok(undefined)
    }
  })
  if (!marked.ok) return marked.failures[0].message
  if (marked.value === undefined) return 'what the server writes is not received within 10s'
  shipper.mark(marked.value)
  await shipper.shipComplete()
  await shipper.shipPartial(marked.value.position)
  return undefined
}

/** Ships what is left of streams that have ended, and forgets them. */
async function shipOlder(receiving: Receiving, current: string, signal: AbortSignal): Promise<void> {
  for (const name of await namesIn(receiving.spool)) {
    const folder = join(receiving.spool, name)
    const known = streamSchema.safeParse(await readJson(join(folder, 'stream.json')).catch(() => undefined))
    if (name === current || !known.success) continue
    const shipper = new Shipper({ ...receiving, signal }, known.data, folder)
    const waiting = await shipper.shipComplete()
    await shipper.shipPartial()
    if (waiting === 0 && shipper.failures().length === 0) await rm(folder, { recursive: true, force: true })
  }
}

const spoolFull = ({ spool, keepBytes }: Receiving) => ({
  code: 'spool-full',
  message: `a target takes no WAL, and ${spool} holds more than ${Math.round(keepBytes / 1e6)} MB already: nothing more is received`,
  why: 'the server keeps it meanwhile, up to max_slot_wal_keep_size',
  next: ['task backup wal status'],
})
