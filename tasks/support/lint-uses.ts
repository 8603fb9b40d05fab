import { dirname, join } from 'node:path'
import type { LintFinding } from '../../lib/database/lint/lint.ts'
import type { Release } from '../../lib/model/release.ts'
import { usesIn } from '../../lib/system/git-uses.ts'
import type { Session } from './session.ts'

/**
 * Looks whether the release that runs uses what a migration drops or renames: in the files of its commit, without the migrations. A use makes an error of the
 * finding and is said with its place; where there is none, or no release, or its commit is not here, it stays what it was.
 */
export async function withUses(
  findings: readonly LintFinding[],
  session: Session,
  signal: AbortSignal,
): Promise<LintFinding[]> {
  if (!findings.some(({ names }) => names)) return [...findings]
  const release = await runningRelease(session)
  if (release === undefined) return [...findings]
  const migrations = session.desired.configuration.database?.migrations ?? 'database/migrations'
  const exclude = [migrations, join(dirname(migrations), 'schema')]
  const said: LintFinding[] = []
  for (const finding of findings) {
    const { names } = finding
    const uses = names && (await usesIn(session.folder, release.commit, names, { exclude, signal }))
    said.push(uses ? { ...finding, ...verdict(finding, release, uses) } : finding)
  }
  return said
}

async function runningRelease({ platform }: Session): Promise<Release | undefined> {
  const [releases, current] = await Promise.all([platform.releases.list(), platform.releases.current()])
  return releases.find(({ number }) => number === current)
}

function verdict(
  { message }: LintFinding,
  { number, revision }: Release,
  uses: NonNullable<Awaited<ReturnType<typeof usesIn>>>,
): Partial<LintFinding> {
  const [first] = uses
  const release = `release ${number} (${revision}), which runs,`
  if (first === undefined) return { message: `${message}; ${release} does not name it` }
  const more = uses.length === 1 ? '' : `, and ${uses.length - 1} more`
  return { severity: 'error', message: `${message}: ${release} does at ${first.file}:${first.line}${more}` }
}
