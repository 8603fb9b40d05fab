import type { Readable } from 'node:stream'

/** A place that keeps backups. Keys are relative paths with `/`; what is under a key is whole or not there. Failures are thrown as `FailureError`. */
export interface Target {
  /** As people know it: `/srv/backups`. */
  readonly name: string
  /** Its folder, absolute, where it is one of this machine: for programs that keep what is theirs in there. */
  readonly folder?: string
  /** The keys below a prefix that ends with `/`, with sizes in bytes, sorted. Unfinished writes are not among them. */
  list(prefix: string): Promise<{ key: string; bytes: number }[]>
  /** The content under a key; undefined when there is none. */
  read(key: string, signal?: AbortSignal): Promise<Readable | undefined>
  /** Writes a stream. When it resolves the content is durable under its key; when it rejects nothing is there. */
  write(key: string, source: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<void>
  /** Writes a small content under a key that nobody has taken; false when somebody has. Of several at once exactly one gets true. */
  create(key: string, content: string): Promise<boolean>
  /** Removes everything below a prefix that ends with `/`, `manifest.json` first: what is half removed is no backup. */
  remove(prefix: string): Promise<void>
}
