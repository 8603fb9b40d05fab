import type { Database } from '../../shared/src/database.ts'

/** What one roll-up moved: so many hits. */
export type Rollup = { hits: number }

/** How many hits one transaction moves; it bounds how long their rows stay locked. */
const batchSize = 10_000

/**
 * Moves a batch of hits into the daily counts, in one statement and so in one transaction: a hit is in `hits` or counted in
 * `daily_endpoint_counts`, never both, never neither, whenever the process dies. Workers that run at once take different
 * batches (SKIP LOCKED) and lock the days in the same order (ORDER BY), so they cannot deadlock.
 */
const moveBatch = `
  WITH batch AS MATERIALIZED (
    SELECT id FROM hits ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
  ), moved AS (
    DELETE FROM hits USING batch WHERE hits.id = batch.id
    RETURNING hits.endpoint, hits.counted_at, hits.user_agent_class
  ), counted AS (
    INSERT INTO daily_endpoint_counts AS daily (endpoint, day, hits, bot_hits)
    SELECT endpoint, (counted_at AT TIME ZONE 'UTC')::date, count(*), count(*) FILTER (WHERE user_agent_class = 'bot')
    FROM moved
    GROUP BY 1, 2
    ORDER BY 1, 2
    ON CONFLICT (endpoint, day) DO UPDATE
    SET hits = daily.hits + excluded.hits, bot_hits = daily.bot_hits + excluded.bot_hits, rolled_up_at = now()
  )
  SELECT count(*)::integer AS hits FROM moved`

/** Moves all hits that are there now into the daily counts, batch by batch, until none is left or `signal` says to stop. */
export async function rollUp(database: Database, signal: AbortSignal): Promise<Rollup> {
  const total = { hits: 0 }
  for (;;) {
    const [moved] = await database.query<Rollup>(moveBatch, [batchSize])
    total.hits += moved?.hits ?? 0
    if ((moved?.hits ?? 0) < batchSize || signal.aborted) return total
  }
}
