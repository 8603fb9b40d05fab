import type { Place } from '../model/failure.ts'

/** A place together with the line it is on, as failures carry them. */
export type Spot = { place: Place; source: string }

/** A file's text with its lines, to turn offsets into places. Offsets count UTF-16 units of the text without a byte order mark. */
export type SourceText = {
  file: string
  text: string
  /** The place and line of an offset; offsets beyond the end are at the end of the last line that has content. */
  spot(offset: number): Spot
}

/** Wraps a file's text. A byte order mark at its beginning is dropped. */
export function sourceText(file: string, raw: string): SourceText {
  const text = raw.startsWith('\uFEFF') ? raw.slice(1) : raw
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  const end = text.trimEnd().length

  function spot(offset: number): Spot {
    const at = offset >= text.length ? end : offset
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] as number) <= at) low = middle
      else high = middle - 1
    }
    const start = starts[low] as number
    const stop = text.indexOf('\n', start)
    const line = text.slice(start, stop < 0 ? text.length : stop).replace(/\r$/, '')
    // The line is shown on terminals, which obey control characters.
    const source = line.replace(/[^\t\P{Cc}]/gu, '\uFFFD')
    return { place: { file, line: low + 1, column: at - start + 1 }, source }
  }

  return { file, text, spot }
}
