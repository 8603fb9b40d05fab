import { paint } from './paint.ts'
import { cut, widthOf } from './text-width.ts'

/** How a table is shown: with colours, and how many columns the terminal has. Where there is no terminal, nothing is cut. */
export type TableView = { color?: boolean; columns?: number; isTerminal?: boolean }

/** The last column is never cut shorter than this: what it says matters more than a broken line. */
const leastLast = 60

/**
 * Rows in aligned columns behind a head, each line ended. Columns that are empty in all rows are left out. Where the terminal's width is known, the
 * last column is cut to fit it. Ends with a line break; no rows give the empty text.
 */
export function table(head: readonly string[], rows: readonly (readonly string[])[], view: TableView = {}): string {
  if (rows.length === 0) return ''
  const used = head.map((_, index) => index).filter((index) => rows.some((row) => (row[index] ?? '') !== ''))
  const widths = used.map((index) => Math.max(...[head, ...rows].map((row) => widthOf(row[index] ?? ''))))
  const room = view.columns === undefined || view.isTerminal === false ? Number.POSITIVE_INFINITY : view.columns
  const before = widths.slice(0, -1).reduce((sum, width) => sum + width + 2, 0)
  const lastWidth = Math.max(leastLast, room - before)
  const line = (row: readonly string[]) =>
    used
      .map((index, place) => {
        const cell = row[index] ?? ''
        if (place === used.length - 1) return cut(cell, lastWidth)
        return cell + ' '.repeat((widths[place] ?? 0) - widthOf(cell) + 2)
      })
      .join('')
      .trimEnd()
  return [paint(line(head), 'dim', view.color), ...rows.map(line), ''].join('\n')
}
