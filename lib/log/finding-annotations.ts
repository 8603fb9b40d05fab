import { isAbsolute, relative } from 'node:path'
import type { Finding } from '../model/finding.ts'

const data = (text: string): string => text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A')
const property = (text: string): string => data(text).replaceAll(':', '%3A').replaceAll(',', '%2C')

/**
 * Warnings and notes as GitHub's annotations, which it shows at the line of a file. Errors are failures of the command, which are annotated
 * when it ends (https://docs.github.com/actions/reference/workflow-commands-for-github-actions#setting-a-warning-message).
 *
 * @param workspace the folder that the findings' files are relative to
 * @param repository the repository's root, to which GitHub's are
 */
export function findingAnnotations(findings: readonly Finding[], workspace: string, repository = workspace): string {
  const base = relative(repository, workspace)
  return findings
    .filter(({ severity }) => severity !== 'error')
    .map(({ severity, rule, message, mend, place }) => {
      const file = place && !isAbsolute(place.file) ? [base, place.file].filter(Boolean).join('/') : place?.file
      const properties = [
        ...(file === undefined ? [] : [`file=${property(file)}`]),
        ...(place?.line === undefined ? [] : [`line=${place.line}`]),
        ...(place?.column === undefined ? [] : [`col=${place.column}`]),
        `title=${property(rule)}`,
      ]
      const word = severity === 'warning' ? 'warning' : 'notice'
      return `::${word} ${properties.join(',')}::${data([message, mend].filter(Boolean).join(': '))}\n`
    })
    .join('')
}
