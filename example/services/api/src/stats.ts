import type { Database } from '../../shared/src/database.ts'

/** Which counts: of one endpoint or of all, of the last so many days, today (UTC) included. */
export type StatsQuery = { endpoint: string | undefined; days: number }

/** Counts per endpoint and day; `bots` is the part of `hits` that crawlers made. */
export type Stats = { days: number; counts: { day: string; endpoint: string; hits: number; bots: number }[] }

/**
 * Hits that are rolled up, plus those that are not yet. The worker moves hits from one table to the other in one transaction,
 * and this is one statement, so it sees each hit exactly once.
 */
const statement = `
  WITH first AS (SELECT (now() AT TIME ZONE 'UTC')::date - ($1::integer - 1) AS day)
  SELECT to_char(day, 'YYYY-MM-DD') AS day, endpoint, sum(hits)::float8 AS hits, sum(bot_hits)::float8 AS bots
  FROM (
    SELECT endpoint, day, hits, bot_hits
    FROM daily_endpoint_counts
    WHERE day >= (SELECT day FROM first) AND ($2::text IS NULL OR endpoint = $2)
    UNION ALL
    SELECT endpoint, (counted_at AT TIME ZONE 'UTC')::date, count(*), count(*) FILTER (WHERE user_agent_class = 'bot')
    FROM hits
    WHERE counted_at >= (SELECT day FROM first)::timestamp AT TIME ZONE 'UTC' AND ($2::text IS NULL OR endpoint = $2)
    GROUP BY 1, 2
  ) AS counts
  GROUP BY day, endpoint
  ORDER BY day DESC, hits DESC, endpoint
  LIMIT 1000`

/** Counts hits per endpoint and day. */
export async function readStats(database: Database, { endpoint, days }: StatsQuery): Promise<Stats> {
  return { days, counts: await database.query<Stats['counts'][number]>(statement, [days, endpoint ?? null]) }
}
