import { type AnyDefinition, isTask, type Task } from '../lib/task/definition.ts'
import { backupTask } from './backup.ts'
import { backupsTask } from './backups.ts'
import { catalogTask } from './catalog.ts'
import { cleanupTask } from './cleanup.ts'
import { dataTask } from './data.ts'
import { databaseTasks } from './db.ts'
import { deployTask } from './deploy.ts'
import { doctorTask } from './doctor.ts'
import { healthCheckTask } from './health-check.ts'
import { maintenanceTask } from './maintenance.ts'
import { migrateTask } from './migrate.ts'
import { queryTask } from './query.ts'
import { abortTask, resumeTask } from './recovery.ts'
import { releasesTask } from './releases.ts'
import { restoreTask } from './restore.ts'
import { rollbackTask } from './rollback.ts'
import { runsTask } from './runs.ts'
import { seedTask } from './seed.ts'
import { servicesTask } from './services.ts'
import { setupTask } from './setup.ts'
import type { Scope } from './support/flags.ts'

export {
  type Migration,
  type MigrationContext,
  migration,
  type SqlFragment,
} from '../lib/database/migrations/definition.ts'
export type { Seed, SeedContext } from '../lib/database/seeds/module.ts'
export type { Scope } from './support/flags.ts'

/**
 * The operations as tasks, for a Taskfile: `export default operations()`. Their code is loaded when one of them runs.
 * @param scope where the workspace is, when it is not the Taskfile's folder
 */
export const operations = (scope: Scope = {}) =>
  prepared({
    setup: setupTask(scope),
    services: servicesTask(scope),
    healthCheck: healthCheckTask(scope),
    deploy: deployTask(scope),
    rollback: rollbackTask(scope),
    releases: releasesTask(scope),
    cleanup: cleanupTask(scope),
    maintenance: maintenanceTask(scope),
    migrate: migrateTask(scope),
    query: queryTask(scope),
    seed: seedTask(scope),
    db: databaseTasks(scope),
    data: dataTask(scope),
    backup: backupTask(scope),
    backups: backupsTask(scope),
    restore: restoreTask(scope),
    runs: runsTask(scope),
    resume: resumeTask(scope),
    abort: abortTask(scope),
    doctor: doctorTask(scope),
    catalog: catalogTask(scope),
  })

/**
 * An operation that changes something keeps a journal of its own, and one that only reads is not worth a record. What the failures of one that is
 * about an environment say to type next names that environment.
 */
function prepared<Tasks extends Readonly<Record<string, Task | Readonly<Record<string, Task>>>>>(tasks: Tasks): Tasks {
  for (const entry of Object.values(tasks)) {
    if (!isTask(entry)) {
      prepared(entry)
      continue
    }
    const { definition, commands } = entry
    const { run, args = {} } = definition
    const isAboutOne = 'environment' in args || 'target' in args
    // They were made here, a moment ago, for nobody else.
    Object.assign(definition, { record: false }, isAboutOne ? { run: naming(run) } : {})
    prepared(commands)
  }
  return tasks
}

const naming =
  (run: AnyDefinition['run']): AnyDefinition['run'] =>
  async (context) => {
    const { failuresInEnvironment } = await import('./support/in-environment.ts')
    return failuresInEnvironment(context.args, () => run(context))
  }
