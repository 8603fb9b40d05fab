import { blockingFailures, migrationStatus } from '../../lib/database/migrations/compare.ts'
import { readLedger } from '../../lib/database/migrations/ledger.ts'
import { compareSchema } from '../../lib/database/schema/fingerprint.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { type Failure, ok } from '../../lib/model/failure.ts'
import { finish, type TaskContext, type View } from '../../lib/task/definition.ts'
import { databaseOf, useDatabase } from './database.ts'
import type { Scope } from './flags.ts'
import { openNamed } from './session.ts'

type Arguments = { readonly environment: string; readonly platform?: PlatformName | undefined }

/** `task migrate check` */
export async function runMigrationCheck(scope: Scope, context: TaskContext & { args: Arguments }) {
  const session = await openNamed(scope, context, 'environment')
  const { migrations, name } = databaseOf(session)
  const { ledger, schema } = await useDatabase(session, 'owner', context.signal, async (connection) =>
    ok({ ledger: await readLedger(connection), schema: await compareSchema(connection) }),
  )
  const rows = migrationStatus(migrations, ledger.applied, ledger)
  const difference = schema.state === 'drift' ? schema.difference : []
  const failures: Failure[] = blockingFailures(rows).map((failure) => ({ ...failure, outcome: 'failed' }))
  for (const { version, name: title, path, action } of rows.filter(({ state }) => state === 'missing')) {
    failures.push({
      code: 'migration-missing',
      message: `migration ${version} ${title} is applied, but its file is gone`,
      ...(path ? { place: { file: path } } : {}),
      ...(action ? { next: [action] } : {}),
      outcome: 'failed',
    })
  }
  if (schema.state === 'drift') {
    failures.push({
      code: 'schema-drift',
      message: `the schema of ${name} is not the one that its migrations left`,
      why: difference.join('\n'),
      next: ['write the change as a migration', 'or take it back by hand, and run the check again'],
      outcome: 'failed',
    })
  }
  if (schema.state === 'unknown') context.log.warn(`the schema was not compared: ${schema.why}`)
  const pending = rows.filter(({ state }) => state === 'pending' || state === 'failed').length
  const result = {
    environment: session.desired.environment,
    schema: schema.state,
    fingerprint: schema.live.sha256,
    difference,
    pending,
    text: (_view: View) =>
      failures.length > 0
        ? ''
        : `${ledger.applied.length} applied, as their files say${schema.state === 'same' ? '; the schema is as they left it' : ''}${pending > 0 ? `; ${pending} pending` : ''}\n`,
  }
  return finish(failures.length > 0 ? 'failed' : 'done', result, failures)
}
