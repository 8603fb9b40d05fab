import type { FileResult } from './file.ts'
import type { Options } from './options.ts'

/** One line about a file that has run, and its notes below. */
export function lineOfFile({ source, passed, failed, skipped, durationMs, notes, before }: FileResult): string {
  const counts = [`${passed} passed`]
  if (failed.length > 0) counts.push(`${failed.length} failed`)
  if (skipped.length > 0) counts.push(`${skipped.length} skipped`)
  if (before) counts.push('run again')
  const line = `${failed.length > 0 ? 'FAIL' : 'ok  '} ${source}  ${counts.join(', ')}  ${(durationMs / 1000).toFixed(1)} s`
  return [line, ...notes.map((note) => `     ${note}`)].join('\n')
}

/** What failed in a file, and what its process wrote. */
export function textOfFaults({ source, failed, output }: FileResult): string {
  const faults = failed.map(
    ({ name, text }) => `\n  ${source} › ${name}\n${indent(middleCut(text.trimEnd(), 60), 4)}\n`,
  )
  const written = output.trim()
  if (written) faults.push(`\n  ${source} wrote:\n${indent(lastLines(written, 80), 4)}\n`)
  return faults.join('')
}

/** The end of a run: what failed and was skipped, and alone on the last line the counts. */
export function summary(results: FileResult[], options: Options): string {
  const lines: string[] = ['']
  if (results.length === 0) lines.push(`No test file matches${hint(options)}`, '')
  const failed = results.flatMap(({ source, failed }) => failed.map(({ name }) => `  ${source} › ${name}`))
  if (failed.length > 0) lines.push('Failed:', ...failed, '')
  const unsteady = results
    .filter((one) => one.failed.length === 0)
    .flatMap(({ source, before = [] }) => before.map(({ name }) => `  ${source} › ${name}`))
  if (unsteady.length > 0) lines.push('Failed at first, passed when its file was run again alone:', ...unsteady, '')
  const skipped = results.flatMap(({ skipped }) => skipped)
  const reasons = [...new Set(skipped.map(({ reason }) => reason))]
  if (reasons.length > 0) {
    const count = (reason: string) => skipped.filter((one) => one.reason === reason).length
    lines.push('Skipped:', ...reasons.map((reason) => `  ${count(reason)} × ${reason}`), '')
  }
  const passed = results.reduce((sum, one) => sum + one.passed, 0)
  const skips = skipped.length > 0 ? `, ${skipped.length} skipped` : ''
  lines.push(`${passed} passed, ${Math.max(failed.length, results.length === 0 ? 1 : 0)} failed${skips}`)
  return lines.join('\n')
}

const hint = ({ filters, long }: Options) =>
  `: ${filters.join(' ') || 'test/**/*.test.ts'}${long === 'without' ? ' (long suites run with --long)' : ''}`

const indent = (text: string, width: number) => text.replace(/^(?=.)/gm, ' '.repeat(width))

/** The first and last lines of a long text. */
function middleCut(text: string, count: number): string {
  const lines = text.split('\n')
  if (lines.length <= 2 * count) return text
  return [...lines.slice(0, count), `… ${lines.length - 2 * count} lines …`, ...lines.slice(-count)].join('\n')
}

function lastLines(text: string, count: number): string {
  const lines = text.split('\n')
  return lines.length <= count ? text : [`… ${lines.length - count} lines before`, ...lines.slice(-count)].join('\n')
}
