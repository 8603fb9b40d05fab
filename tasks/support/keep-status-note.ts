import { dirname } from 'node:path'
import { worthNoting } from '../../lib/database/known-files.ts'
import { isTyped } from '../../lib/database/migrations/source.ts'
import type { DatabaseAdministrator } from '../../lib/model/platform.ts'
import { findTaskfile } from '../../lib/task/find.ts'
import type { Invocation } from '../../lib/task/invocation.ts'
import { keepNote } from '../../lib/task/keep-noted.ts'
import { configurationPaths } from '../../lib/validate/files.ts'
import { databaseOf } from './database.ts'
import type { Session } from './session.ts'
import { isPlainStatus, type StatusNote, statusNotePath } from './status-note.ts'

/**
 * Notes what a status was made from, where that pays (many migrations, all of SQL) and can be compared later: a database whose password is in a file of
 * its own, values from files alone, no warnings.
 */
export async function keepStatusNote(
  { desired, folder, valueFiles, warned, redact }: Session,
  { argv, env, folder: from }: Invocation,
  { host, port, user, passwordFile }: DatabaseAdministrator,
): Promise<void> {
  const { migrations, name } = databaseOf({ desired })
  const taskfile = findTaskfile(from)
  if (!isPlainStatus(argv) || migrations.length < worthNoting || warned) return
  if (passwordFile === undefined || valueFiles === undefined) return
  if (!taskfile.ok || dirname(taskfile.value) !== folder) return
  // Their names are all that is shown of the files.
  if (migrations.some((file) => isTyped(file.path) || redact.text(file.name) !== file.name)) return
  const files = migrations.flatMap(({ path, down }) => [path, down?.path ?? path])
  const { workspace, services, environments } = configurationPaths
  const data: StatusNote = {
    environment: desired.environment,
    migrations,
    database: { host, port, user, name, passwordFile },
  }
  await keepNote(statusNotePath(taskfile.value, argv), {
    taskfile: taskfile.value,
    env,
    paths: [
      ...new Set(files.map((path) => dirname(path))),
      ...files,
      ...valueFiles,
      passwordFile,
      dirname(workspace),
      workspace,
    ],
    trees: [services, environments],
    data,
  })
}
