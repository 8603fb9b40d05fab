import type { Database } from '../../shared/src/database.ts'
import { HttpError, type Routes } from '../../shared/src/http.ts'
import type { Metrics } from '../../shared/src/metrics.ts'
import type { Cache } from './cache.ts'
import { countHit } from './hits.ts'
import { readiness } from './readiness.ts'
import type { ApiSettings } from './settings.ts'
import { readStats, type StatsQuery } from './stats.ts'
import { userAgentClass } from './user-agent.ts'

/** How long statistics may be served from the cache, in seconds. */
const statsLifetime = 10
const defaultDays = 7
const mostDays = 90
const longestEndpoint = 200

/** What the routes work with. */
export type Parts = { database: Database; cache: Cache; metrics: Metrics; settings: ApiSettings }

/** The api's requests and what answers them. */
export function routes({ database, cache, metrics, settings }: Parts): Routes {
  const hits = metrics.counter('hits_counted_total', 'Hits counted by this process.')
  const startedAt = new Date().toISOString()
  return {
    'POST /hits': async ({ json, userAgent }) => {
      const hit = await countHit(database, endpointOf(await json()), userAgentClass(userAgent))
      hits.add()
      return { status: 201, body: hit }
    },
    'GET /stats': async ({ parameters }) => {
      const query = statsQuery(parameters)
      const key = `endpoint-statistics:stats:${query.days}:${query.endpoint ?? ''}`
      const { value, source } = await cache.read(key, statsLifetime, () => readStats(database, query))
      return { status: 200, body: value, headers: { 'x-cache': source } }
    },
    'GET /healthz': () => ({ status: 200, body: { status: 'ok' } }),
    'GET /readyz': async () => {
      const body = await readiness(database, cache)
      return { status: body.status === 'unavailable' ? 503 : 200, body }
    },
    'GET /version': () => ({
      status: 200,
      body: { service: 'api', release: settings.release ?? null, revision: settings.revision ?? null, startedAt },
    }),
    'GET /metrics': () => ({ status: 200, body: metrics.render() }),
  }
}

/** The endpoint that a body of `POST /hits` names. */
function endpointOf(body: unknown): string {
  const endpoint = typeof body === 'object' && body !== null && 'endpoint' in body ? body.endpoint : undefined
  if (typeof endpoint === 'string' && isEndpoint(endpoint)) return endpoint
  throw new HttpError(400, 'no-endpoint', `"endpoint" is not a path like "/x" of at most ${longestEndpoint} characters`)
}

/** Reads the parameters of `GET /stats`; unknown ones are refused, since a misspelt filter would answer something else. */
function statsQuery(parameters: URLSearchParams): StatsQuery {
  const unknown = [...parameters.keys()].find((name) => name !== 'endpoint' && name !== 'days')
  if (unknown) throw new HttpError(400, 'unknown-parameter', `there is no parameter "${unknown}": endpoint, days`)
  const endpoint = parameters.get('endpoint') ?? undefined
  if (endpoint !== undefined && !isEndpoint(endpoint)) {
    throw new HttpError(400, 'no-endpoint', `endpoint is not a path like "/x" of at most ${longestEndpoint} characters`)
  }
  const days = parameters.get('days') ?? String(defaultDays)
  if (!/^\d{1,3}$/.test(days) || Number(days) < 1 || Number(days) > mostDays) {
    throw new HttpError(400, 'no-days', `days is not a whole number from 1 to ${mostDays}`)
  }
  return { endpoint, days: Number(days) }
}

/** A path without control characters or half surrogates: PostgreSQL stores neither NUL nor those. */
const isEndpoint = (text: string) => text.length <= longestEndpoint && /^\/[^\p{Cc}\p{Cs}]*$/u.test(text)
