import { type Log, reason } from '../../shared/src/log.ts'
import { Redis } from './redis.ts'

/** Whether there is a cache, and whether it answers. */
export type CacheState = 'ok' | 'unreachable' | 'absent'

/** A read-through cache that never stands in the way: what fails is asked for at its source. */
export type Cache = {
  /** The cached value, or what `load` gives, kept for so many seconds; and where it came from. */
  read<T>(key: string, seconds: number, load: () => Promise<T>): Promise<{ value: T; source: CacheSource }>
  /** Its state, and a sentence when it is not `ok`. */
  state(): Promise<[CacheState, string?]>
  close(): void
}

/** From the cache, past it (now kept there), or without one. */
export type CacheSource = 'hit' | 'miss' | 'unreachable' | 'absent'

/** Opens the cache at an address; without one, everything is loaded anew. */
export function openCache(url: URL | undefined, log: Log): Cache {
  return url ? redisCache(new Redis(url), log) : noCache
}

const noCache: Cache = {
  read: async (_key, _seconds, load) => ({ value: await load(), source: 'absent' }),
  state: async () => ['absent', 'cache: REDIS_URL is not set, every request asks the database'],
  close: () => {},
}

function redisCache(redis: Redis, log: Log): Cache {
  let reachable = true
  // Once an outage, not once a request.
  const note = (failure?: unknown): void => {
    if (failure !== undefined && reachable) log.warn('the cache is unreachable', { reason: reason(failure) })
    if (failure === undefined && !reachable) log.info('the cache is reachable again')
    reachable = failure === undefined
  }
  return {
    async read<T>(key: string, seconds: number, load: () => Promise<T>) {
      try {
        const kept = await redis.get(key)
        note()
        if (kept !== null) return { value: JSON.parse(kept) as T, source: 'hit' }
      } catch (error) {
        note(error)
        return { value: await load(), source: 'unreachable' }
      }
      const value = await load()
      await redis.set(key, JSON.stringify(value), seconds).catch(note)
      return { value, source: 'miss' }
    },
    async state() {
      try {
        await redis.ping()
        note()
        return ['ok']
      } catch (error) {
        note(error)
        return ['unreachable', `cache: ${reason(error)}`]
      }
    },
    close: () => redis.close(),
  }
}
