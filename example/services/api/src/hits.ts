import type { Database } from '../../shared/src/database.ts'
import type { UserAgentClass } from './user-agent.ts'

/** A counted hit. */
export type Hit = { endpoint: string; countedAt: string }

/** Counts a hit of an endpoint, now. */
export async function countHit(database: Database, endpoint: string, agent: UserAgentClass): Promise<Hit> {
  const [row] = await database.query<{ counted_at: Date }>(
    'INSERT INTO hits (endpoint, user_agent_class) VALUES ($1, $2) RETURNING counted_at',
    [endpoint, agent],
  )
  return { endpoint, countedAt: (row as { counted_at: Date }).counted_at.toISOString() }
}
