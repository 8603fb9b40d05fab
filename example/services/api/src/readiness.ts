import type { Database } from '../../shared/src/database.ts'
import { reason } from '../../shared/src/log.ts'
import type { Cache, CacheState } from './cache.ts'

/** Whether the api can do its work, and if not fully, why. */
export type Readiness = {
  status: 'ready' | 'degraded' | 'unavailable'
  database: 'ok' | 'unreachable' | 'unmigrated'
  cache: CacheState
  reasons: string[]
}

/** Asks the database and the cache. The api needs the first; without the second it is slower, hence degraded. */
export async function readiness(database: Database, cache: Cache): Promise<Readiness> {
  const [[databaseState, databaseReason], [cacheState, cacheReason]] = await Promise.all([
    databaseReadiness(database),
    cache.state(),
  ])
  return {
    status: databaseState !== 'ok' ? 'unavailable' : cacheState !== 'ok' ? 'degraded' : 'ready',
    database: databaseState,
    cache: cacheState,
    reasons: [databaseReason, cacheReason].filter((text) => text !== undefined),
  }
}

/** Whether the database answers and has the tables that this code reads and writes. */
async function databaseReadiness(database: Database): Promise<[Readiness['database'], string?]> {
  try {
    const [row] = await database.query<{ migrated: boolean }>(
      `SELECT count(*) = 2 AS migrated FROM information_schema.columns
       WHERE table_schema = current_schema()
         AND (table_name, column_name) IN (('hits', 'user_agent_class'), ('daily_endpoint_counts', 'bot_hits'))`,
    )
    return row?.migrated ? ['ok'] : ['unmigrated', 'database: not all migrations have been applied']
  } catch (error) {
    return ['unreachable', `database: ${reason(error)}`]
  }
}
