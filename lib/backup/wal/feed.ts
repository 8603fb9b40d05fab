import { chown, mkdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { FailureError } from '../../model/failure.ts'
import { namesIn } from './shipping.ts'

/** Gives a recovering server the WAL files that it asks for. */
export type WalFeed = {
  /** What the server's `restore_command` is to be. */
  command: string
  /** Ends it. Throws what a file could not be fetched for: the server takes that for the end of the WAL. */
  stop(): Promise<void>
}

/*
 * The server asks by a file in `want/` and finds the answer in `have/` or `none/`. So the program that it starts as its own user needs neither the keys
 * nor the secrets of the targets.
 */
const script = `#!/bin/sh
# restore_command: fetch NAME TO. Ends with 1 where there is no such WAL file.
folder=\${0%/*}
: >"$folder/want/$1" || exit 1
while [ ! -e "$folder/have/$1" ]; do
  [ -e "$folder/none/$1" ] && exit 1
  [ -d "$folder/want" ] || exit 1
  sleep 0.05
done
cp "$folder/have/$1" "$2" && rm -f "$folder/have/$1"
`

/**
 * Answers a server's requests for WAL files out of `fetch`, which writes one to a path, or gives false where there is none.
 * @param folder is made; belongs to the server's user
 */
export async function feedWal(
  folder: string,
  owner: { uid: number; gid: number } | undefined,
  fetch: (name: string, path: string) => Promise<boolean>,
): Promise<WalFeed> {
  const folders = ['', 'want', 'have', 'none'].map((name) => join(folder, name))
  for (const path of folders) {
    await mkdir(path, { mode: 0o700 })
    if (owner) await chown(path, owner.uid, owner.gid)
  }
  const program = join(folder, 'fetch')
  await writeFile(program, script, { mode: 0o755 })
  const ending = new AbortController()
  let failure: unknown
  const answer = async (name: string): Promise<void> => {
    const file = join(folder, 'have', name)
    const growing = join(folder, `growing-${name}`)
    try {
      // Only names of WAL are passed on: the server also asks for files of timelines, which its base has with it where it needs them.
      const found = failure === undefined && /^[0-9A-F]{24}$/.test(name) && (await fetch(name, growing))
      if (!found) return await writeFile(join(folder, 'none', name), '', { mode: 0o644 })
      if (owner) await chown(growing, owner.uid, owner.gid)
      await rename(growing, file)
    } catch (error) {
      failure ??= error
      await rm(growing, { force: true })
      await writeFile(join(folder, 'none', name), '', { mode: 0o644 })
    }
  }
  const serving = (async () => {
    while (!ending.signal.aborted) {
      for (const name of await namesIn(join(folder, 'want'))) {
        await rm(join(folder, 'none', name), { force: true })
        await answer(name)
        await rm(join(folder, 'want', name), { force: true })
      }
      await pause(20, undefined, { signal: ending.signal }).catch(() => {})
    }
  })()
  return {
    // A per cent sign of the path is none of PostgreSQL's placeholders.
    command: `/bin/sh "${program.replaceAll('%', '%%')}" "%f" "%p"`,
    async stop() {
      ending.abort()
      await serving
      if (failure instanceof FailureError) throw failure
      if (failure !== undefined) throw failure
    },
  }
}
