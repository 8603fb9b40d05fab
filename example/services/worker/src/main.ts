import { openDatabase } from '../../shared/src/database.ts'
import { createHttpServer } from '../../shared/src/http.ts'
import { listen, run, shutdownOnSignal } from '../../shared/src/lifecycle.ts'
import { createLog } from '../../shared/src/log.ts'
import { Metrics } from '../../shared/src/metrics.ts'
import { type RollupState, rollUpForever } from './loop.ts'
import { rollUp } from './rollup.ts'
import { routes } from './routes.ts'
import { readSettings } from './settings.ts'

await run('worker', async () => {
  const settings = readSettings(process.env)
  const log = createLog('worker', settings.logLevel)
  const metrics = new Metrics()
  const moved = metrics.counter('hits_rolled_up_total', 'Hits moved into the daily counts by this process.')
  const lastSuccess = metrics.gauge('rollup_last_success_timestamp_seconds', 'When a roll-up last succeeded.')
  const database = openDatabase(settings.databaseUrl, 'worker', log)
  const state: RollupState = { lastSuccess: null, lastFailure: null, failures: 0 }
  const server = createHttpServer(routes(state, settings, metrics), log, metrics)
  const stop = new AbortController()
  let loop = Promise.resolve()
  shutdownOnSignal(server, log, async () => {
    stop.abort()
    await loop
    await database.close()
  })
  await listen(server, settings.host, settings.port, log)
  const rollUpAndCount = async (signal: AbortSignal) => {
    const result = await rollUp(database, signal)
    moved.add({}, result.hits)
    lastSuccess.set(Date.now() / 1000)
    return result
  }
  loop = rollUpForever(rollUpAndCount, { interval: settings.interval, state, log, signal: stop.signal })
})
