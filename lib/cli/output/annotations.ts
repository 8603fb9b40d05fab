import { isAbsolute, relative } from 'node:path'
import type { Failure } from '../../model/failure.ts'

const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')

/**
 * Failures as GitHub's annotations, which it shows at the line of a file
 * (https://docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-an-error-message).
 * @param folder files are named relative to it: GitHub knows those of the repository's root, where its runner starts commands
 */
export const annotations = (failures: readonly Failure[], folder: string): string =>
  failures.map((failure) => annotation(failure, folder)).join('')

function annotation({ message, why, place, code }: Failure, folder: string): string {
  const inside = place && relative(folder, place.file)
  const isInside = inside !== undefined && !inside.startsWith('..') && !isAbsolute(inside)
  const properties = [
    isInside ? `file=${property(inside)}` : undefined,
    isInside && place?.line !== undefined ? `line=${place.line}` : undefined,
    isInside && place?.column !== undefined ? `col=${place.column}` : undefined,
    `title=${property(code)}`,
  ].filter((one) => one !== undefined)
  return `::error ${properties.join(',')}::${data([message, why].filter(Boolean).join(': '))}\n`
}
