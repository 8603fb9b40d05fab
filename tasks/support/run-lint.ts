import { join } from 'node:path'
import { type LintFinding, lintMigration, lintTyped, type TableSizes } from '../../lib/database/lint/lint.ts'
import { readTableSizes } from '../../lib/database/lint/sizes.ts'
import { type Ledger, readLedger } from '../../lib/database/migrations/ledger.ts'
import { isTyped } from '../../lib/database/migrations/source.ts'
import { readSql } from '../../lib/database/sql-file.ts'
import { findingAnnotations } from '../../lib/log/finding-annotations.ts'
import { findingText } from '../../lib/log/plan-text.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok, unwrap } from '../../lib/model/failure.ts'
import { pendingAmong } from '../../lib/model/migration.ts'
import { finish, type TaskContext, type View } from '../../lib/task/definition.ts'
import { useDatabase } from './database.ts'
import type { Scope } from './flags.ts'
import { withUses } from './lint-uses.ts'
import { findingFailure } from './result.ts'
import { openNamed, type Session } from './session.ts'

type Arguments = {
  readonly environment: string
  readonly platform?: PlatformName | undefined
  readonly all: boolean
  readonly strict: boolean
  readonly json: boolean
}

/** `task migrate lint` */
export async function runLint(scope: Scope, context: TaskContext & { args: Arguments }) {
  const { all, strict, json } = context.args
  const session = await openNamed(scope, context, 'environment')
  const { desired } = session
  const files = desired.database?.migrations ?? []
  const target = desired.database ? await lookAt(session, context) : undefined
  const wanted = all || !target ? files.map(({ version }) => version) : pendingAmong(files, target.ledger.applied)
  const looked: LintFinding[] = []
  for (const file of files.filter(({ version }) => wanted.includes(version))) {
    if (isTyped(file.path)) {
      looked.push(...lintTyped(file))
      continue
    }
    const { text } = unwrap(await readSql(join(session.folder, file.path), file.path))
    looked.push(...unwrap(await lintMigration(file, text, target?.sizes)))
  }
  const findings = await withUses(looked, session, context.signal)
  const fatal = findings.filter(({ severity }) => severity === 'error' || (strict && severity === 'warning'))
  const { env } = context.invocation
  const rest = findings.filter((finding) => !fatal.includes(finding))
  const annotations =
    env.GITHUB_ACTIONS === 'true' && !json ? findingAnnotations(rest, session.folder, env.GITHUB_WORKSPACE) : ''
  const result = {
    environment: desired.environment,
    reachable: target !== undefined,
    checked: wanted.length,
    findings,
    text: ({ color }: View) =>
      [
        ...rest.map(
          (finding) =>
            `${findingText(finding, color)}\n  rule: ${finding.rule}\n${finding.source ? `    ${finding.source.trim()}\n` : ''}`,
        ),
        `${wanted.length} ${all || !target ? '' : 'pending '}${wanted.length === 1 ? 'migration' : 'migrations'} checked: ${counted(findings)}\n`,
        annotations,
      ].join(''),
  }
  const failures = fatal.map((finding) => ({
    ...findingFailure(finding),
    outcome: 'failed' as const,
    ...(finding.source === undefined ? {} : { source: finding.source }),
  }))
  return finish(fatal.length > 0 ? 'failed' : 'done', result, failures)
}

function counted(findings: readonly LintFinding[]): string {
  if (findings.length === 0) return 'nothing found'
  return (['error', 'warning', 'note'] as const)
    .map((severity) => [severity, findings.filter((finding) => finding.severity === severity).length] as const)
    .filter(([, count]) => count > 0)
    .map(([severity, count]) => `${count} ${severity}${count === 1 ? '' : 's'}`)
    .join(', ')
}

/** What is applied, and how big the tables are; undefined, with a warning, where the database does not answer: then all files are looked at. */
async function lookAt(
  session: Session,
  context: TaskContext,
): Promise<{ ledger: Ledger; sizes: NonNullable<TableSizes> } | undefined> {
  try {
    return await useDatabase(session, 'owner', context.signal, async (connection) =>
      ok({ ledger: await readLedger(connection), sizes: await readTableSizes(connection) }),
    )
  } catch (error) {
    if (!(error instanceof FailureError)) throw error
    const { environment } = session.desired
    context.log.warn(
      `the database of ${environment} does not answer: all files are checked, and no table's size is known`,
    )
    return undefined
  }
}
