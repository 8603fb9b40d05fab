import { FailureError, number, task, text } from 'vital-ops'
import { operations } from 'vital-ops/operations'

const ops = operations()
export default ops

/** Where the api of an environment elsewhere is reached. */
const addresses: Record<string, string> = {
  staging: 'http://127.0.0.1:8080',
  production: 'https://endpoint-statistics.example.com',
}

/** A hook of deploys (config/environments/*.yaml): the first visitors need not wait for the database. */
export const warmCache = task({
  description: 'Ask the api of an environment for its statistics once, so that they are in its cache',
  group: 'endpoint statistics',
  args: {
    environment: text().positional().describe('the environment'),
    release: number({ integer: true }).optional().describe('the release that must answer; default is any'),
    revision: text().optional().describe("the release's revision"),
    previous: number({ integer: true }).optional().describe('the release that ran before'),
    url: text().env('API_URL').optional().describe('where the api is, when it is not where it usually is'),
  },
  async run({ args, log, run, signal }) {
    const address = args.url ?? addresses[args.environment] ?? (await here())
    if (!address) throw notWarmed(`no address is known for ${args.environment}: give --url, or set API_URL`)

    /** On this machine the api is on the port that it has: another one than the catalogue's after `--resolve-ports`. */
    async function here(): Promise<string | undefined> {
      const [environment = '', platform] = args.environment.split('@')
      const { status } = ops.services.commands
      const { services } = await run(status, { environment, ...(platform === 'local' ? { platform } : {}) })
      const port = services.find(({ service }) => service === 'api')?.ports.http
      return port === undefined ? undefined : `http://127.0.0.1:${port}`
    }

    const { release } = await ask<{ release: string | null }>(address, '/version', signal)
    if (args.release !== undefined && release !== String(args.release)) {
      throw notWarmed(`${address} runs release ${release ?? 'none'}, not ${args.release}`)
    }
    const { counts } = await ask<{ counts: unknown[] }>(address, '/stats', signal)
    log(`${address} answered ${counts.length} counts`)
    return { address, release, counts: counts.length }
  },
})

/** GETs JSON; what fails says of which address, and why. */
async function ask<Body>(address: string, path: string, signal: AbortSignal): Promise<Body> {
  const url = new URL(path, address)
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(10_000)])
  const response = await fetch(url, { signal: deadline }).catch((error: Error) => {
    throw notWarmed(`GET ${url} failed: ${(error.cause as Error | undefined)?.message || error.message}`)
  })
  if (response.ok) return (await response.json()) as Body
  throw notWarmed(`GET ${url} answered ${response.status}: ${(await response.text()).slice(0, 200)}`)
}

function notWarmed(message: string): FailureError {
  return new FailureError({ code: 'cache-not-warmed', message, next: ['task health-check', 'task services logs api'] })
}
