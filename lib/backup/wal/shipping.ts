import { createReadStream } from 'node:fs'
import { open, readdir, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import type { Failure } from '../../model/failure.ts'
import { makeIdentity } from '../age.ts'
import type { BackupOwner } from '../catalogue.ts'
import { bestCodec } from '../codecs.ts'
import { checkStored } from '../fetch.ts'
import { type Copy, failureOf, storeFile } from '../store.ts'
import type { Target } from '../targets/target.ts'
import { listStreams, partialItem, streamPrefix, type WalManifest, type WalStream, walDigest } from './archive.ts'
import { type Position, startOf } from './segments.ts'

/** A moment, and the position in the WAL before which everything of before it is. */
export type Mark = { at: Date; position: Position }

/** What is shipped, and to where. */
export type Shipping = {
  owner: BackupOwner
  service: string
  targets: readonly Target[]
  recipients: readonly string[]
  signal: AbortSignal
}

/** After a failure a target is left alone for this long, in milliseconds; twice as long after the next one. */
const firstPauseMs = 2000
const longestPauseMs = 60_000

/** A target, and what it is known to have. */
type Lane = { target: Target; has?: Set<string>; failures: number; notBefore: number; failure?: Failure }

/** WAL pages; what is behind the last one that was written need not go along. */
const pageBytes = 8192

/** Brings one stream's WAL files from the folder in which they are received into the targets. */
export class Shipper {
  readonly #shipping: Shipping
  readonly #stream: WalStream
  readonly #folder: string
  readonly #lanes: Lane[]
  readonly #marks: Mark[] = []
  /** The newest moment that is in a target. */
  until: Date | undefined

  constructor(shipping: Shipping, stream: WalStream, folder: string) {
    this.#shipping = shipping
    this.#stream = stream
    this.#folder = folder
    this.#lanes = shipping.targets.map((target) => ({ target, failures: 0, notBefore: 0 }))
  }

  /** Takes a moment, for the files that are shipped from now on. */
  mark(mark: Mark): void {
    this.#marks.push(mark)
    if (this.#marks.length > 1000) this.#marks.shift()
  }

  /** What the targets failed of last, by name. */
  failures(): { target: string; failure: Failure }[] {
    return this.#lanes.flatMap(({ target, failure }) => (failure ? [{ target: target.name, failure }] : []))
  }

  /**
   * Ships the complete files. One that all targets have is removed here, but for the newest: from that the receiver knows where to go on. Gives how many bytes wait
   * that some target does not have.
   */
  async shipComplete(): Promise<number> {
    const names = (await namesIn(this.#folder)).filter((name) => /^[0-9A-F]{24}$/.test(name))
    let waiting = 0
    for (const [at, name] of names.entries()) {
      this.#shipping.signal.throwIfAborted()
      const path = join(this.#folder, name)
      const end = startOf(name, this.#stream.segmentBytes) + BigInt(this.#stream.segmentBytes)
      await this.#ship(name, end, () => createReadStream(path, { highWaterMark: 1024 * 1024 }))
      if (this.#lanes.every(({ has }) => has?.has(name))) {
        await this.#removePartials(name)
        if (at < names.length - 1) await unlink(path)
      } else waiting += this.#stream.segmentBytes
    }
    return waiting
  }

  /**
   * Ships what there is of the file that is being received.
   * @param upTo where to end; without it, at the last byte that was written
   */
  async shipPartial(upTo?: Position): Promise<void> {
    const found = (await namesIn(this.#folder)).findLast((name) => /^[0-9A-F]{24}\.partial$/.test(name))
    if (found === undefined) return
    const segment = found.slice(0, 24)
    const start = startOf(segment, this.#stream.segmentBytes)
    const path = join(this.#folder, found)
    const all = upTo === undefined ? await writtenBytes(path) : Number(upTo - start)
    const written = Math.min(all, this.#stream.segmentBytes)
    const bytes = Math.ceil(written / pageBytes) * pageBytes
    if (written <= 0) return
    // The receiver may complete and rename it meanwhile; then it is shipped as a whole.
    const handle = await open(path, 'r').catch(() => undefined)
    if (handle === undefined) return
    try {
      const item = partialItem(segment, written)
      const content = () => createReadStream('', { fd: handle, start: 0, end: bytes - 1, autoClose: false })
      await this.#ship(item, start + BigInt(written), content)
      await this.#removePartials(segment, item)
    } finally {
      await handle.close().catch(() => {})
    }
  }

  async #ship(item: string, end: Position, content: () => AsyncIterable<Uint8Array>): Promise<void> {
    const now = Date.now()
    const ready: Lane[] = []
    for (const lane of this.#lanes) if (now >= lane.notBefore && !(await this.#known(lane)).has(item)) ready.push(lane)
    const lanes = ready.filter(({ has }) => has !== undefined)
    if (lanes.length === 0) return
    const copies: Copy[] = lanes.map(({ target }) => ({ target }))
    try {
      const manifest = await this.#store(item, end, content(), copies)
      if (manifest.until !== null && copies.some(({ failure }) => failure === undefined)) {
        const until = new Date(manifest.until)
        if (this.until === undefined || until > this.until) this.until = until
      }
    } catch (error) {
      this.#shipping.signal.throwIfAborted()
      for (const copy of copies) copy.failure ??= failureOf(error, copy.target)
    }
    for (const [at, lane] of lanes.entries()) {
      const failure = copies[at]?.failure
      if (failure) this.#failed(lane, failure)
      else {
        lane.has?.add(item)
        lane.failures = 0
        delete lane.failure
      }
    }
  }

  #failed(lane: Lane, failure: Failure): void {
    lane.failure = failure
    lane.failures += 1
    lane.notBefore = Date.now() + Math.min(longestPauseMs, firstPauseMs * 2 ** (lane.failures - 1))
  }

  /** What a target has of the stream; asked for once, since nobody else writes there. An empty set where it cannot be asked. */
  async #known(lane: Lane): Promise<ReadonlySet<string>> {
    if (lane.has) return lane.has
    try {
      const { segments = [], partials = [] } =
        (await listStreams(lane.target, this.#shipping.owner)).get(this.#stream.stream) ?? {}
      const text = `${JSON.stringify(this.#stream, undefined, 2)}\n`
      await lane.target.create(`${streamPrefix(this.#shipping.owner, this.#stream.stream)}stream.json`, text)
      lane.has = new Set([...segments, ...partials])
      return lane.has
    } catch (error) {
      this.#shipping.signal.throwIfAborted()
      this.#failed(lane, failureOf(error, lane.target))
      return new Set()
    }
  }

  async #store(
    item: string,
    end: Position,
    content: AsyncIterable<Uint8Array>,
    copies: readonly Copy[],
  ): Promise<WalManifest> {
    const { owner, service, recipients, signal } = this.#shipping
    const prefix = `${streamPrefix(owner, this.#stream.stream)}${item}/`
    // A key that only this process knows, for as long as this takes: with it the file is decrypted once before it counts.
    const trial = recipients.length > 0 ? await makeIdentity() : undefined
    const file = await storeFile(copies, content, {
      prefix,
      name: 'wal',
      source: service,
      holds: 'wal',
      codec: bestCodec(),
      recipients: trial ? [...recipients, trial.recipient] : [],
      signal,
    })
    const until = this.#marks.findLast(({ position }) => position <= end)?.at.toISOString() ?? null
    const rest: Omit<WalManifest, 'digest'> = {
      format: 1,
      stream: this.#stream.stream,
      item,
      until,
      received: new Date().toISOString(),
      recipients: [...recipients],
      file,
    }
    const manifest: WalManifest = { ...rest, digest: walDigest(rest) }
    for (const copy of copies) {
      if (copy.failure) continue
      try {
        await checkStored(copy.target, prefix, file, signal, trial ? [trial.identity] : [])
        await copy.target.create(`${prefix}manifest.json`, `${JSON.stringify(manifest, undefined, 2)}\n`)
      } catch (error) {
        signal.throwIfAborted()
        copy.failure = failureOf(error, copy.target)
      }
    }
    return manifest
  }

  /** Removes parts of a file of which there is more by now. */
  async #removePartials(segment: string, newest?: string): Promise<void> {
    for (const lane of this.#lanes) {
      if (newest !== undefined && !lane.has?.has(newest)) continue
      for (const item of [...(lane.has ?? [])]) {
        if (!item.startsWith(`${segment}.`) || (newest !== undefined && item >= newest)) continue
        try {
          await lane.target.remove(`${streamPrefix(this.#shipping.owner, this.#stream.stream)}${item}/`)
          lane.has?.delete(item)
        } catch (error) {
          this.#failed(lane, failureOf(error, lane.target))
        }
      }
    }
  }
}

/** The names in a folder, sorted. */
export const namesIn = async (folder: string): Promise<string[]> => (await readdir(folder).catch(() => [])).sort()

/** How many bytes of a file there are before the zeros at its end. */
export async function writtenBytes(path: string): Promise<number> {
  const handle = await open(path, 'r').catch(() => undefined)
  if (handle === undefined) return 0
  try {
    const buffer = Buffer.alloc(1024 * 1024)
    for (let end = (await stat(path)).size; end > 0; ) {
      const start = Math.max(0, end - buffer.length)
      const { bytesRead } = await handle.read(buffer, 0, end - start, start)
      for (let at = bytesRead - 1; at >= 0; at--) if (buffer[at] !== 0) return start + at + 1
      end = start
    }
    return 0
  } finally {
    await handle.close()
  }
}
