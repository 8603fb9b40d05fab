import { type FileHandle, open, stat } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import type { LogLine } from '../../model/platform.ts'
import { errorCode } from '../../system/files.ts'
import { serviceLogPath } from './paths.ts'
import { rotatedPath } from './supervisor/log-writer.ts'

/** Which logs are read. */
export type LogQuery = {
  services: string[]
  /** Go on with what is written from now on, until the signal is aborted. */
  follow: boolean
  /** How many of the last lines of each service. */
  lines: number
}

const followMs = 100
const blockBytes = 64 * 1024
const linePattern = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z) (.*)$/s

/** A line of a log file: its time and its text. */
export function parseLine(service: string, line: string): LogLine {
  const match = linePattern.exec(line)
  return match ? { service, at: match[1] as string, text: match[2] as string } : { service, text: line }
}

/**
 * The last lines of services, merged by their time, then (with `follow`) what is written, in the order in which it is seen. A log that is
 * rotated or does not exist yet is followed like any other.
 */
export async function* readLogs(
  folder: string,
  environment: string,
  query: LogQuery,
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const tails = query.services.map((service) => ({ service, path: serviceLogPath(folder, environment, service) }))
  const followers: Follower[] = []
  try {
    const past: LogLine[][] = []
    for (const { service, path } of tails) {
      const { lines, follower } = await lastLines(path, query.lines)
      past.push(lines.map((line) => parseLine(service, line)))
      followers.push({ ...follower, service, path })
    }
    yield* merged(past)
    while (query.follow && !signal.aborted) {
      for (const follower of followers) {
        for await (const line of newLines(follower)) yield parseLine(follower.service, line)
      }
      await pause(followMs, undefined, { signal }).catch(() => {})
    }
  } finally {
    for (const { handle } of followers) await handle?.close()
  }
}

/** The last lines of one service's log from a time on, oldest first: for the failure of a gate. `since` is ISO 8601. */
export async function tailLog(
  folder: string,
  environment: string,
  service: string,
  options: { lines: number; since?: string },
): Promise<string[]> {
  const { lines, follower } = await lastLines(serviceLogPath(folder, environment, service), options.lines)
  await follower.handle?.close()
  const { since } = options
  return lines
    .map((line) => parseLine(service, line))
    .filter(({ at }) => since === undefined || at === undefined || at >= since)
    .map(({ text }) => text)
}

/** Where the reading of a log stands. */
type Position = { handle: FileHandle | undefined; offset: number; rest: Buffer }
type Follower = Position & { service: string; path: string }

/** The last lines, over as many files of the rotation as that takes, and where to go on. */
async function lastLines(path: string, count: number): Promise<{ lines: string[]; follower: Position }> {
  const handle = await openIfThere(path)
  const size = handle ? (await handle.stat()).size : 0
  const blocks: Buffer[] = []
  let breaks = handle ? await readBack(handle, size, count, blocks) : 0
  for (let index = 1; breaks <= count; index++) {
    const older = await openIfThere(rotatedPath(path, index))
    if (!older) break
    try {
      breaks += await readBack(older, (await older.stat()).size, count - breaks, blocks)
    } finally {
      await older.close()
    }
  }
  const text = Buffer.concat(blocks)
  const end = text.lastIndexOf(10) + 1
  const lines =
    end === 0
      ? []
      : text
          .subarray(0, end - 1)
          .toString('utf8')
          .split('\n')
  const kept = count === 0 ? [] : lines.slice(-count)
  return { lines: kept, follower: { handle, offset: size, rest: Buffer.from(text.subarray(end)) } }
}

/** Reads blocks from the end of a file to the front of `blocks` until they hold more line breaks than wanted. Returns how many. */
async function readBack(handle: FileHandle, size: number, wanted: number, blocks: Buffer[]): Promise<number> {
  let breaks = 0
  for (let end = size; end > 0 && breaks <= wanted; ) {
    const start = Math.max(0, end - blockBytes)
    const block = Buffer.alloc(end - start)
    const { bytesRead } = await handle.read(block, 0, block.length, start)
    const part = block.subarray(0, bytesRead)
    blocks.unshift(part)
    for (const byte of part) if (byte === 10) breaks++
    end = start
  }
  return breaks
}

/** What was written since the last look; goes on in the new file when the one that is read was set aside. */
async function* newLines(follower: Follower): AsyncGenerator<string> {
  for (;;) {
    if (follower.handle) yield* readOn(follower)
    const current = await stat(follower.path).catch(() => undefined)
    const own = await follower.handle?.stat()
    if (!current || (own && own.ino === current.ino && own.dev === current.dev)) {
      // Somebody cut it off: from its beginning.
      if (own && own.size < follower.offset) follower.offset = 0
      return
    }
    // The last lines may have come between the look at the content and the look at the name.
    if (follower.handle) yield* readOn(follower)
    const next = await nextFile(follower, own)
    // At the next look, then.
    if (!next) return
    await follower.handle?.close()
    follower.handle = next
    follower.offset = 0
  }
}

/**
 * The file that comes after the one that was read: with a fast writer it may have been set aside itself already. Undefined when that cannot be
 * told now, because files are just being renamed. A follower that is a whole rotation behind goes on with the newest file.
 */
async function nextFile({ path }: Follower, own: { ino: number } | undefined): Promise<FileHandle | undefined> {
  const index = own && (await indexOf(path, own.ino))
  if (index === undefined) return openIfThere(path)
  const next = await openIfThere(rotatedPath(path, index - 1))
  // Files move from the oldest to the newest: as long as ours has not moved, the one before it has not either.
  const still = await stat(rotatedPath(path, index)).catch(() => undefined)
  if (still?.ino === own?.ino) return next
  await next?.close()
  return undefined
}

/** Under which number a file was set aside. While files are renamed, one number at a time is free. */
async function indexOf(path: string, ino: number): Promise<number | undefined> {
  for (let index = 1, missing = 0; missing < 2; index++) {
    const found = await stat(rotatedPath(path, index)).catch(() => undefined)
    if (found?.ino === ino) return index
    missing = found ? 0 : missing + 1
  }
  return undefined
}

async function* readOn(follower: Follower): AsyncGenerator<string> {
  const handle = follower.handle as FileHandle
  const block = Buffer.alloc(blockBytes)
  for (;;) {
    const { bytesRead } = await handle.read(block, 0, block.length, follower.offset)
    if (bytesRead === 0) return
    follower.offset += bytesRead
    let text = Buffer.concat([follower.rest, block.subarray(0, bytesRead)])
    for (let at = text.indexOf(10); at >= 0; at = text.indexOf(10)) {
      yield text.subarray(0, at).toString('utf8')
      text = text.subarray(at + 1)
    }
    follower.rest = Buffer.from(text)
  }
}

/** Lines of several services by their time; the order within a service stays as it is. */
function* merged(services: LogLine[][]): Generator<LogLine> {
  const next = services.map(() => 0)
  for (;;) {
    let first: number | undefined
    services.forEach((lines, index) => {
      const line = lines[next[index] as number]
      if (!line) return
      const best = first === undefined ? undefined : services[first]?.[next[first] as number]
      if (!best || (line.at ?? '') < (best.at ?? '')) first = index
    })
    if (first === undefined) return
    yield services[first]?.[next[first] as number] as LogLine
    next[first] = (next[first] as number) + 1
  }
}

async function openIfThere(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
