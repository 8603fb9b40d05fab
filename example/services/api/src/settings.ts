import { type CommonSettings, commonSettings, Settings, type Variables } from '../../shared/src/settings.ts'

/** What the api is told. Without `redisUrl` it has no cache. */
export type ApiSettings = CommonSettings & { redisUrl: URL | undefined }

/** Reads the api's settings. Throws a `SettingsError` with every problem. */
export function readSettings(variables: Variables): ApiSettings {
  const settings = new Settings(variables)
  const read = { ...commonSettings(settings, 8080), redisUrl: settings.address('REDIS_URL', ['redis:']) }
  settings.check()
  return read
}
