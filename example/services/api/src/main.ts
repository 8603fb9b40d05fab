import { openDatabase } from '../../shared/src/database.ts'
import { createHttpServer } from '../../shared/src/http.ts'
import { listen, run, shutdownOnSignal } from '../../shared/src/lifecycle.ts'
import { createLog } from '../../shared/src/log.ts'
import { Metrics } from '../../shared/src/metrics.ts'
import { openCache } from './cache.ts'
import { routes } from './routes.ts'
import { readSettings } from './settings.ts'

await run('api', async () => {
  const settings = readSettings(process.env)
  const log = createLog('api', settings.logLevel)
  const metrics = new Metrics()
  const database = openDatabase(settings.databaseUrl, 'api', log)
  const cache = openCache(settings.redisUrl, log)
  const server = createHttpServer(routes({ database, cache, metrics, settings }), log, metrics)
  shutdownOnSignal(server, log, async () => {
    cache.close()
    await database.close()
  })
  await listen(server, settings.host, settings.port, log)
})
