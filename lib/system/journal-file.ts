import { type FileHandle, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { FailureError } from '../model/failure.ts'
import { errorCode, fileFailure, syncFolder } from './files.ts'

/** A file that only grows, line by line, each line durable before its `append` resolves. One writer at a time. */
export type DurableAppender = {
  readonly path: string
  /** Appends one line (without its line break) and fsyncs. Lines appended while one is being written share the next fsync. */
  append(line: string): Promise<void>
  /** Waits for what was appended and closes the file. */
  close(): Promise<void>
}

/**
 * Opens a file for durable appending; makes it (`mode`, default 0o600) if it is not there. A torn last line, left by a writer that
 * was killed, is cut off: it was never acknowledged, and what comes after it would be glued to it.
 * Throws `FailureError` (`disk-full`, `permission-denied` …), also from `append`.
 */
export async function openDurableAppender(path: string, options: { mode?: number } = {}): Promise<DurableAppender> {
  let handle: FileHandle
  let length: number
  try {
    handle = await open(path, 'a+', options.mode ?? 0o600)
    length = await wholeLines(handle)
    await handle.truncate(length)
    await handle.sync()
    await syncFolder(dirname(path))
  } catch (error) {
    throw new FailureError(fileFailure(error, 'opened', path))
  }
  let waiting: Pending[] = []
  let writing: Promise<void> | undefined
  let closed = false

  async function writeWaiting(): Promise<void> {
    while (waiting.length > 0) {
      const batch = waiting
      waiting = []
      const bytes = Buffer.from(batch.map((entry) => `${entry.line}\n`).join(''))
      try {
        await handle.appendFile(bytes)
        await handle.datasync()
        length += bytes.length
        for (const entry of batch) entry.resolve()
      } catch (error) {
        // A part may have been written: take it back, so that the next line does not continue it.
        await handle.truncate(length).catch(() => {})
        for (const entry of batch) entry.reject(new FailureError(fileFailure(error, 'written', path)))
      }
    }
    writing = undefined
  }

  return {
    path,
    append(line) {
      if (closed) return Promise.reject(new Error(`${path} is closed`))
      if (line.includes('\n')) return Promise.reject(new Error(`a line for ${path} contains a line break`))
      return new Promise((resolve, reject) => {
        waiting.push({ line, resolve, reject })
        writing ??= writeWaiting()
      })
    },
    async close() {
      if (closed) return
      closed = true
      await writing
      await handle.close()
    },
  }
}

type Pending = { line: string; resolve: () => void; reject: (error: FailureError) => void }

/** The length in bytes of a file up to and with its last line break. Reads backwards, since journals may be long. */
async function wholeLines(handle: FileHandle): Promise<number> {
  const { size } = await handle.stat()
  const block = Buffer.alloc(64 * 1024)
  for (let end = size; end > 0; ) {
    const start = Math.max(0, end - block.length)
    const { bytesRead } = await handle.read(block, 0, end - start, start)
    const found = block.subarray(0, bytesRead).lastIndexOf(10)
    if (found >= 0) return start + found + 1
    end = start
  }
  return 0
}

/** What was read from a file of JSON lines. */
export type JsonLines = {
  values: unknown[]
  /** The last line, if it was cut short: its number (from 1) and what there is of it. */
  torn?: { line: number; text: string }
}

/**
 * Reads a file of JSON lines, of which the last may be torn (its writer was killed): it is reported, not parsed. Undefined if
 * there is no such file. A damaged line before the last throws `FailureError` (`journal-damaged`) with its place.
 */
export async function readLinesTolerant(path: string): Promise<JsonLines | undefined> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw new FailureError(fileFailure(error, 'read', path))
  }
  const lines = text.split('\n')
  const rest = lines.pop() as string
  const values: unknown[] = []
  for (const [index, line] of lines.entries()) {
    try {
      values.push(JSON.parse(line))
    } catch (error) {
      // After a power cut the last block may hold zeros or old bytes up to a line break: still the last line.
      if (index === lines.length - 1 && rest === '') return { values, torn: { line: index + 1, text: line } }
      throw new FailureError({
        code: 'journal-damaged',
        message: `${path} is damaged at line ${index + 1}`,
        place: { file: path, line: index + 1, column: 1 },
        why: (error as Error).message,
      })
    }
  }
  if (rest === '') return { values }
  return { values, torn: { line: lines.length + 1, text: rest } }
}
