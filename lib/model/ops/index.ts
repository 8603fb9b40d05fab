import { applyMigrations } from './apply-migrations.ts'
import { applyObject } from './apply-object.ts'
import { applyPullSecret } from './apply-pull-secret.ts'
import { applyRoutes } from './apply-routes.ts'
import { applySeeds } from './apply-seeds.ts'
import { bringBack } from './bring-back.ts'
import { createData } from './create-data.ts'
import { drillBackup } from './drill-backup.ts'
import { dropColour } from './drop-colour.ts'
import { dropReplaced } from './drop-replaced.ts'
import { editLedger } from './edit-ledger.ts'
import { endWal } from './end-wal.ts'
import { ensureDatabase } from './ensure-database.ts'
import { ensureNetwork } from './ensure-network.ts'
import { exportSource } from './export-source.ts'
import { importData } from './import-data.ts'
import { maintainTable } from './maintain-table.ts'
import { pruneBackups } from './prune-backups.ts'
import { pruneReleases } from './prune-releases.ts'
import { pruneRows } from './prune-rows.ts'
import { pruneWal } from './prune-wal.ts'
import { pullImage } from './pull-image.ts'
import { pushImage } from './push-image.ts'
import { receiveWal } from './receive-wal.ts'
import { removeLeftover } from './remove-leftover.ts'
import { removeObject } from './remove-object.ts'
import { resetDatabase } from './reset-database.ts'
import { restoreDatabase } from './restore-database.ts'
import { restoreFiles } from './restore-files.ts'
import { restoreRedis } from './restore-redis.ts'
import { revertMigrations } from './revert-migrations.ts'

import { runBuild } from './run-build.ts'
import { runHook } from './run-hook.ts'
import { runQuery } from './run-query.ts'
import { sendNotification } from './send-notification.ts'
import { setMaintenance } from './set-maintenance.ts'
import { shiftReplicas } from './shift-replicas.ts'
import { startService } from './start-service.ts'
import { stopService } from './stop-service.ts'
import { switchDatabase } from './switch-database.ts'
import { switchFiles } from './switch-files.ts'
import { switchTraffic } from './switch-traffic.ts'
import { syncData } from './sync-data.ts'
import { takeBackup } from './take-backup.ts'
import { waitGate } from './wait-gate.ts'
import { writeEnv } from './write-env.ts'

/**
 * The table of op kinds: schema and text live here, so that planners (pure) can make and print ops; a platform's handlers live in
 * lib/platform/<name>/. A new kind is one new file and one line here; a platform that forgets its handler does not compile.
 */
export const opKinds = {
  'write-env': writeEnv,
  'create-data': createData,
  'ensure-database': ensureDatabase,
  'apply-migrations': applyMigrations,
  'apply-seeds': applySeeds,
  'run-query': runQuery,
  'revert-migrations': revertMigrations,
  'edit-ledger': editLedger,
  'reset-database': resetDatabase,
  'maintain-table': maintainTable,
  'prune-rows': pruneRows,
  'import-data': importData,
  'sync-data': syncData,
  'export-source': exportSource,
  'run-build': runBuild,
  'ensure-network': ensureNetwork,
  'apply-object': applyObject,
  'apply-pull-secret': applyPullSecret,
  'remove-object': removeObject,
  'pull-image': pullImage,
  'push-image': pushImage,
  'start-service': startService,
  'stop-service': stopService,
  'wait-gate': waitGate,
  'drop-replaced': dropReplaced,
  'shift-replicas': shiftReplicas,
  'switch-traffic': switchTraffic,
  'drop-colour': dropColour,
  'apply-routes': applyRoutes,
  'bring-back': bringBack,
  'remove-leftover': removeLeftover,
  'set-maintenance': setMaintenance,
  'run-hook': runHook,
  'prune-releases': pruneReleases,
  'send-notification': sendNotification,
  'take-backup': takeBackup,
  'prune-backups': pruneBackups,
  'receive-wal': receiveWal,
  'end-wal': endWal,
  'prune-wal': pruneWal,
  'drill-backup': drillBackup,
  'restore-database': restoreDatabase,
  'switch-database': switchDatabase,
  'restore-redis': restoreRedis,
  'restore-files': restoreFiles,
  'switch-files': switchFiles,
} as const
