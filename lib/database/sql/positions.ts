/** Line and column of an offset, both from 1; the column counts UTF-16 units, as editors do. */
export function placeAt(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, Math.max(0, offset))
  const lineStart = before.lastIndexOf('\n') + 1
  return { line: before.split('\n').length, column: before.length - lineStart + 1 }
}

/** The line of a text that holds an offset. */
export function lineAt(text: string, offset: number): string {
  const start = text.lastIndexOf('\n', offset - 1) + 1
  const end = text.indexOf('\n', offset)
  return text.slice(start, end < 0 ? undefined : end)
}

/** The UTF-16 offset of the character (code point) with that index: PostgreSQL's error positions count characters. */
export function characterOffset(text: string, index: number): number {
  let offset = 0
  for (let count = 0; count < index && offset < text.length; count++) {
    offset += (text.codePointAt(offset) as number) > 0xffff ? 2 : 1
  }
  return offset
}

/** Turns offsets in the text's UTF-8 form, given in ascending order, into UTF-16 ones. */
export function byteOffsets(text: string): (byte: number) => number {
  if (/^[\0-\x7f]*$/.test(text)) return (byte) => Math.min(byte, text.length)
  let at = 0
  let bytes = 0
  return (byte) => {
    while (bytes < byte && at < text.length) {
      const point = text.codePointAt(at) as number
      bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
      at += point > 0xffff ? 2 : 1
    }
    return at
  }
}
