/** A file for an archive. `mode` defaults to 0600. */
export type PackedFile = { name: string; content: string | Uint8Array; mode?: number }

/** A small tar archive, whole: what `docker cp - <container>:<folder>` reads. Names may hold folders, which must exist. */
export async function packFiles(files: readonly PackedFile[]): Promise<Buffer> {
  const { pack: makePack } = await import('tar-stream')
  const pack = makePack()
  for (const { name, content, mode = 0o600 } of files) {
    pack.entry({ name, mode, mtime: new Date(), uid: 0, gid: 0 }, Buffer.from(content))
  }
  pack.finalize()
  return collect(pack)
}

/**
 * The files of a tar archive as `docker cp <container>:<path> -` prints it, by their names. An archive that is cut off gives the files before
 * the cut. Text alone: what a command prints is read as UTF-8.
 */
export async function unpackFiles(archive: string): Promise<Map<string, string>> {
  const { extract: makeExtract } = await import('tar-stream')
  const extract = makeExtract()
  const files = new Map<string, string>()
  extract.end(Buffer.from(archive, 'utf8'))
  try {
    for await (const entry of extract) {
      const content = await collect(entry)
      if (entry.header.type === 'file') files.set(entry.header.name, content.toString('utf8'))
    }
  } catch {
    // Cut off.
  }
  return files
}

async function collect(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}
