import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { readJson, writeFileAtomic } from '../system/files.ts'

/** What reading a migration's file with PostgreSQL's parser, or loading it, has shown. It depends on the content alone: the file's, and of what it imports. */
export type KnownFile = {
  effect: 'expand' | 'breaking'
  /** Whether it has a down part with something in it. */
  down: boolean
  /** Of SQL that may share a transaction with other migrations: where its statements are (UTF-16), and how many. */
  shared?: { from: number; to: number; statements: number }
  /** Of TypeScript that imports local files: these (paths from the root), and the digest of all together. */
  whole?: { imports: string[]; sha256: string }
}

/** To be raised with every change of what is inferred from a file's content: what was noted before counts no more then. */
const rules = 2

const noteSchema = z.object({
  rules: z.literal(rules),
  files: z.record(
    z.string(),
    z.object({
      effect: z.enum(['expand', 'breaking']),
      down: z.boolean(),
      shared: z.object({ from: z.int(), to: z.int(), statements: z.int() }).exactOptional(),
      whole: z.object({ imports: z.array(z.string()), sha256: z.string() }).exactOptional(),
    }),
  ),
})

/** Where the note of a workspace is. */
export const knownFilesPath = (workspaceFolder: string): string => join(workspaceFolder, '.ops/cache/migrations.json')

/** Fewer new files than this are not worth a note: reading them takes less than a blink. */
export const worthNoting = 32

/**
 * What was found in migration files, by their digests, noted in a file: a thousand of them take seconds to parse, and every command of an environment
 * wants to know of each. A note that is missing, torn or of another version is no note.
 */
export class KnownFiles {
  readonly #path: string
  readonly #noted: ReadonlyMap<string, KnownFile>
  readonly #seen = new Map<string, KnownFile>()
  #learned = 0

  private constructor(path: string, noted: ReadonlyMap<string, KnownFile>) {
    this.#path = path
    this.#noted = noted
  }

  /** Reads the note in a file. */
  static async read(path: string): Promise<KnownFiles> {
    const note = noteSchema.safeParse(await readJson(path).catch(() => undefined))
    return new KnownFiles(path, new Map(note.success ? Object.entries(note.data.files) : []))
  }

  /** What is known of the file with this digest. */
  get(sha256: string): KnownFile | undefined {
    const known = this.#noted.get(sha256)
    if (known) this.#seen.set(sha256, known)
    return known
  }

  /** Notes what was found in a file. */
  set(sha256: string, found: KnownFile): void {
    this.#seen.set(sha256, found)
    // To load one takes as long as to parse many.
    this.#learned += found.whole ? worthNoting : 1
  }

  /** Keeps what is known of the files that are still there, where that saves time. That it cannot be kept is no failure. */
  async keep(): Promise<void> {
    if (this.#learned < worthNoting) return
    const text = `${JSON.stringify({ rules, files: Object.fromEntries(this.#seen) })}\n`
    try {
      await mkdir(dirname(this.#path), { recursive: true })
      await writeFileAtomic(this.#path, text)
    } catch {}
  }
}
