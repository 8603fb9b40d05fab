import { stripVTControlCharacters } from 'node:util'
import stringWidth from 'string-width'

/** How many columns of a terminal a text takes: sequences that colour take none, wide characters two. */
export const widthOf = (text: string): number => (/^[ -~]*$/.test(text) ? text.length : stringWidth(text))

const segmenter = new Intl.Segmenter()

/** Cuts a text to a width; what is left out is shown by `…`. One that is cut loses its colours. */
export function cut(text: string, width: number): string {
  if (widthOf(text) <= width) return text
  let kept = ''
  let used = 0
  for (const { segment } of segmenter.segment(stripVTControlCharacters(text))) {
    used += widthOf(segment)
    if (used > width - 1) break
    kept += segment
  }
  return width < 1 ? '' : `${kept}…`
}
