import type { Pack } from 'tar-stream'

/**
 * A tar archive as a stream, from what puts entries into it. A failure of that fails the stream; who stops reading ends it.
 * @param fill puts all entries into the archive, and resolves when the last one is in
 */
export async function* packed(fill: (pack: Pack) => Promise<void>): AsyncGenerator<Uint8Array> {
  const { pack: makePack } = await import('tar-stream')
  const pack = makePack()
  const filling = fill(pack).then(
    () => pack.finalize(),
    (error: unknown) => pack.destroy(error as Error),
  )
  try {
    for await (const chunk of pack) yield chunk as Uint8Array
  } finally {
    pack.destroy()
    await filling
  }
}
