import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { unwrap } from '../../../lib/model/failure.ts'
import {
  connectSupervisor,
  type EnsuredSupervisor,
  ensureSupervisor,
  hasEnded,
  type SupervisorClient,
} from '../../../lib/platform/local/client.ts'
import type { StartRequest } from '../../../lib/platform/local/supervisor/protocol.ts'
import type { ServiceRecord } from '../../../lib/platform/local/supervisor/record.ts'
import { temporaryFolder, until } from '../../support/index.ts'

const made: string[] = []

/** An empty workspace, or the folder given; `endWorkspaces` ends its supervisor. */
export function workspace(name = ''): string {
  const folder = name.startsWith('/') ? name : join(temporaryFolder(), name)
  mkdirSync(folder, { recursive: true })
  made.push(folder)
  return folder
}

/** Ends every supervisor that the tests of this file have started. */
export async function endWorkspaces(): Promise<void> {
  for (const folder of made.splice(0)) {
    const connected = await connectSupervisor(folder, { protocol: 1000 })
    if (!connected.ok || !connected.value) continue
    await connected.value.request('end', {}, { timeoutMs: 30_000 })
    connected.value.close()
    await hasEnded(connected.value.record)
  }
}

/** A supervisor for the workspace. */
export async function ensure(folder: string): Promise<EnsuredSupervisor> {
  return unwrap(await ensureSupervisor(folder))
}

/** Everything that a service needs, for a service that is a shell script. */
export function request(script: string, change: Partial<StartRequest> = {}): StartRequest {
  const service = change.service ?? 'api'
  return {
    environment: 'dev',
    service,
    argv: ['/bin/sh', '-c', script],
    cwd: '/',
    env: { PATH: process.env.PATH as string },
    stopSignal: 'SIGTERM',
    stopTarget: 'group',
    graceMs: 5000,
    restart: 'never',
    oneShot: false,
    ports: {},
    fingerprint: { command: 'digest' },
    health: { probes: [], intervalMs: 50, passes: 1, deadlineMs: 60_000, watchMs: 50 },
    target: { service, host: '127.0.0.1', ports: {}, directory: '/', environment: {} },
    secrets: [],
    ...change,
  }
}

/** Starts a service. */
export async function startService(client: SupervisorClient, start: StartRequest): Promise<ServiceRecord> {
  return unwrap(await client.request('start', start))
}

/** The record of a service, as soon as it is as wanted. */
export function recordWhen(
  client: SupervisorClient,
  what: string,
  holds: (record: ServiceRecord) => boolean,
  service = 'api',
): Promise<ServiceRecord> {
  return until(
    async () => {
      const records = unwrap(await client.request('status', {}))
      const record = records.find((one) => one.service === service)
      return record && holds(record) ? record : undefined
    },
    { what },
  )
}

/** The pid that a service's script has written into a file. */
export const pidIn = (path: string): Promise<number> =>
  until(() => Number(/^(\d+)\n/.exec(readFileSync(path, 'utf8'))?.[1]), { what: `a pid in ${path}` })

/** Whether a process lives; a zombie does not. */
export function lives(pid: number): boolean {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !/^[ZX]/.test(text.slice(text.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}

/** Waits until a process is gone. */
export const gone = (pid: number, what = `process ${pid}`): Promise<boolean> =>
  until(() => !lives(pid), { what: `${what} to be gone`, deadline: 20_000 })
