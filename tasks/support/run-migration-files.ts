import { join } from 'node:path'
import { migrationFiles, writeMigration } from '../../lib/database/files.ts'
import { compareVersions, isRepeatable, parseMigrationName } from '../../lib/database/migrations/names.ts'
import { isTyped } from '../../lib/database/migrations/source.ts'
import { formatOf, type MigrationFormat, newMigration } from '../../lib/database/migrations/template.ts'
import { readSql } from '../../lib/database/sql-file.ts'
import { FailureError, unwrap } from '../../lib/model/failure.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { openNamed } from './session.ts'

type NewArguments = {
  readonly name: string
  readonly environment: string
  readonly format?: MigrationFormat | undefined
}

/** `task migrate new NAME` */
export async function runNewMigration(scope: Scope, context: TaskContext & { args: NewArguments }) {
  const { name, format } = context.args
  if (!/[a-z0-9]/i.test(name)) {
    throw new FailureError({
      code: 'invalid-value',
      message: `${JSON.stringify(name)} is no name for a migration`,
      why: 'it becomes part of the name of a file: letters, digits and what joins them',
      outcome: 'usage',
    })
  }
  const session = await openNamed(scope, context, 'environment')
  const folder = session.desired.configuration.database?.migrations ?? 'database/migrations'
  const path = join(session.folder, folder)
  const others = unwrap(await migrationFiles(path))
  const made = newMigration(name, {
    format: format ?? (await formatIn(path, others)),
    now: new Date(),
    others,
  })
  const files = Object.keys(made.files).map((file) => `${folder}/${file}`)
  for (const [file, text] of Object.entries(made.files)) await writeMigration(join(path, file), text)
  return { version: made.version, files, text: () => `${files.join('\n')}\n` }
}

/** The format of the newest migration; dbmate's, which has both parts in one file, where there is none. */
async function formatIn(path: string, others: readonly string[]): Promise<MigrationFormat> {
  const versioned = others.flatMap((file) => {
    const named = parseMigrationName(file)
    return named && named.kind === 'up' && !isRepeatable(named.version) ? [{ file, version: named.version }] : []
  })
  const newest = versioned.sort((a, b) => compareVersions(a.version, b.version)).at(-1)
  if (newest === undefined) return 'dbmate'
  if (isTyped(newest.file)) return 'ts'
  const read = await readSql(join(path, newest.file))
  return formatOf(newest.file, read.ok && /^--\s*migrate:\s*up/m.test(read.value.text))
}
