import { isAbsolute, relative } from 'node:path'
import type { Failure, Place } from '../model/failure.ts'
import { paint } from './paint.ts'
import { plainLine } from './plain-line.ts'

/** How failures are shown. */
export type FailureTextOptions = {
  color?: boolean
  /** Files below this folder are named relative to it; others by their absolute path. */
  folder?: string
  /** The word in front; `error` by default. */
  label?: 'error' | 'warning'
}

/** Names a place as editors and terminals make a link of it: `config/services/api.yaml:3:7`. */
export function placeText(place: Place, folder?: string): string {
  const inside = folder === undefined ? '..' : relative(folder, place.file)
  const file = inside === '' || inside.startsWith('..') || isAbsolute(inside) ? place.file : inside
  return [file, place.line, place.line === undefined ? undefined : place.column]
    .filter((part) => part !== undefined)
    .join(':')
}

/**
 * A failure as a person reads it: what happened, where (with the line and a caret), why, the last log lines, and what to type
 * next. Ends with a line break. Holds no colour unless asked for.
 */
export function failureText(failure: Failure, options: FailureTextOptions = {}): string {
  const { color, folder, label = 'error' } = options
  const subject = failure.op ?? failure.service
  const nearest = failure.nearest === undefined ? '' : `; did you mean ${paint(failure.nearest, 'bold', color)}?`
  const lines = [
    `${paint(`${label}:`, label === 'error' ? 'red' : 'yellow', color)} ${subject === undefined ? '' : `${subject}: `}${failure.message}${nearest}`,
  ]
  if (failure.place)
    lines.push(`  ${paint('at', 'dim', color)} ${paint(placeText(failure.place, folder), 'cyan', color)}`)
  if (failure.source !== undefined) lines.push(...excerpt(failure.source, failure.place ?? { file: '' }, color))
  if (failure.why) lines.push(...indented('why', failure.why.split('\n'), color))
  if (failure.lines?.length) {
    lines.push(`  ${paint('last lines:', 'dim', color)}`, ...failure.lines.map((line) => `    ${plainLine(line)}`))
  }
  if (failure.log !== undefined) {
    lines.push(`  ${paint('log:', 'dim', color)} ${placeText({ file: failure.log }, folder)}`)
  }
  if (failure.next?.length) {
    lines.push(`  ${paint('next:', 'dim', color)}`, ...failure.next.map((line) => `    ${paint(line, 'bold', color)}`))
  }
  return `${lines.join('\n')}\n`
}

/** All failures, one after the other. */
export const failuresText = (failures: readonly Failure[], options: FailureTextOptions = {}): string =>
  failures.map((failure) => failureText(failure, options)).join('')

function indented(title: string, [first, ...rest]: string[], color: boolean | undefined): string[] {
  const head = `  ${paint(`${title}:`, 'dim', color)} `
  return [head + (first ?? ''), ...rest.map((line) => ' '.repeat(title.length + 4) + line)]
}

/** A line is cut to this many characters around the caret: minified sources have lines of megabytes. */
const widest = 140

function excerpt(source: string, place: Place, color: boolean | undefined): string[] {
  const column = place.column ?? 0
  const start = column > widest - 20 ? column - Math.floor(widest / 2) : 0
  const shown = source.slice(start, start + widest)
  const number = place.line === undefined ? '' : String(place.line)
  const lines = [`    ${paint(`${number} |`, 'dim', color)} ${shown}`]
  if (column > 0) {
    const before = source.slice(start, column - 1).padEnd(column - 1 - start)
    const padding = before.replace(/[^\t]/g, ' ')
    lines.push(`    ${paint(`${' '.repeat(number.length)} |`, 'dim', color)} ${padding}${paint('^', 'red', color)}`)
  }
  return lines
}
