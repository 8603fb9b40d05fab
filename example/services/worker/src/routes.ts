import type { Routes } from '../../shared/src/http.ts'
import type { Metrics } from '../../shared/src/metrics.ts'
import type { RollupState } from './loop.ts'
import type { WorkerSettings } from './settings.ts'

/**
 * What the worker answers. `/healthz` is 200 even while roll-ups fail: to start the process anew would not bring the database
 * back. `/readyz` is what a deploy waits for.
 */
export function routes(state: RollupState, settings: WorkerSettings, metrics: Metrics): Routes {
  const startedAt = new Date().toISOString()
  const works = () => state.lastSuccess !== null && state.failures === 0
  return {
    'GET /healthz': () => ({ status: 200, body: { status: 'ok', rollup: works() ? 'ok' : 'failing', ...state } }),
    'GET /readyz': () => ({
      status: works() ? 200 : 503,
      body: { status: works() ? 'ready' : 'unavailable', reasons: works() ? [] : [why(state)] },
    }),
    'GET /version': () => ({
      status: 200,
      body: { service: 'worker', release: settings.release ?? null, revision: settings.revision ?? null, startedAt },
    }),
    'GET /metrics': () => ({ status: 200, body: metrics.render() }),
  }
}

const why = (state: RollupState) =>
  state.lastFailure ? `roll-up: ${state.lastFailure.reason}` : 'roll-up: none has ended yet'
