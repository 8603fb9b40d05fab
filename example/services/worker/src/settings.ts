import { type CommonSettings, commonSettings, Settings, type Variables } from '../../shared/src/settings.ts'

/** What the worker is told. */
export type WorkerSettings = CommonSettings & {
  /** From the end of one roll-up to the next, in milliseconds. */
  interval: number
}

/** Reads the worker's settings. Throws a `SettingsError` with every problem. */
export function readSettings(variables: Variables): WorkerSettings {
  const settings = new Settings(variables)
  const read = { ...commonSettings(settings, 8081), interval: settings.duration('ROLLUP_INTERVAL', '60s') }
  settings.check()
  return read
}
