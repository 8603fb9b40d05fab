import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { RunSpec } from '../../../lib/model/desired.ts'
import { unwrap } from '../../../lib/model/failure.ts'
import type { OpCommon, OpKindName, OpOf } from '../../../lib/model/op.ts'
import type { Handler, OpContext, OpResult, Platform } from '../../../lib/model/platform.ts'
import type { Release } from '../../../lib/model/release.ts'
import { Secret, type SecretReference } from '../../../lib/model/secret.ts'
import { createLocalPlatform, type LocalPlatformOptions } from '../../../lib/platform/local/index.ts'

/** A platform for one environment of a workspace, and what its handlers are given. */
export type Bench = {
  folder: string
  platform: Platform
  lines: string[]
  context: OpContext
  run<K extends OpKindName>(kind: K, data: OpOf<K>['data']): Promise<OpResult>
  /** The failure that an op ends with. */
  failing<K extends OpKindName>(
    kind: K,
    data: OpOf<K>['data'],
  ): Promise<{ code: string; message: string; lines?: string[]; next?: string[] }>
  check<K extends OpKindName>(kind: K, data: OpOf<K>['data']): Promise<'done' | 'pending' | 'unknown'>
  abort(): void
}

/** The digest of a test's secret is its name. */
export const reference = (secret: string): SecretReference => ({ secret, digest: `digest of ${secret}` })

/** Makes the platform of a workspace's environment, with secrets by name. */
export function bench(
  folder: string,
  secrets: Record<string, string> = {},
  options: Partial<LocalPlatformOptions> = {},
): Bench {
  const lines: string[] = []
  const controller = new AbortController()
  const find = ({ secret }: SecretReference) =>
    secrets[secret] === undefined ? undefined : new Secret(secret, secrets[secret])
  const platform = createLocalPlatform({
    folder,
    workspaceId: 'testworkspace',
    workspaceName: 'test',
    environment: 'dev',
    secrets: { find },
    ...options,
  })
  const context: OpContext = {
    signal: controller.signal,
    run: 'run-of-the-test',
    secrets: { find },
    output: (line) => void lines.push(line),
  }
  const op = <K extends OpKindName>(kind: K, data: OpOf<K>['data']): OpOf<K> => {
    const common: OpCommon = { id: kind, after: [], cause: 'test', changes: true, timeoutMs: 30_000 }
    return { ...common, kind, data } as unknown as OpOf<K>
  }
  const handler = <K extends OpKindName>(kind: K) => platform.handlers[kind] as unknown as Handler<K>
  return {
    folder,
    platform,
    lines,
    context,
    run: async (kind, data) => unwrap(await handler(kind).run(op(kind, data), context)),
    async failing(kind, data) {
      const result = await handler(kind).run(op(kind, data), context)
      if (result.ok) throw new Error(`${kind} did not fail: ${JSON.stringify(result.value)}`)
      return result.failures[0]
    },
    check: (kind, data) => handler(kind).check(op(kind, data), context),
    abort: () => controller.abort(),
  }
}

/** What a service runs with: a Node script given as text, on a port. */
export function spec(change: Partial<RunSpec> = {}): RunSpec {
  return {
    service: 'api',
    source: { kind: 'working-tree' },
    command: ['node', 'server.mjs'],
    directory: '.',
    environment: {},
    ports: {},
    restart: 'never',
    stopSignal: 'SIGTERM',
    graceMs: 5000,
    oneShot: false,
    ...change,
    health: { probes: [], intervalMs: 50, passes: 2, deadlineMs: 20_000, watchMs: 1000, ...change.health },
  }
}

/** Data of a start op whose service does not run yet. */
export const startData = (of: RunSpec, fingerprint: Record<string, string> = { command: 'a' }) => ({
  service: of.service,
  spec: of,
  fingerprint,
  before: null,
})

/** An HTTP probe of a path. */
export const http = (path: string) => ({ type: 'http' as const, path, method: 'GET' as const })

/** Writes files of a workspace. */
export function writeFiles(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
}

/** Runs git in a folder. */
export function git(folder: string, ...args: string[]): string {
  const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@example.org', '-c', 'init.defaultBranch=main']
  return execFileSync('git', ['-C', folder, ...identity, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  }).trim()
}

/** A record of a release of the environment dev. */
export function release(number: number, change: Partial<Release> = {}): Release {
  return {
    version: 1,
    number,
    workspace: { name: 'test', id: 'testworkspace' },
    environment: 'dev',
    platform: 'local',
    created: '2026-01-01T00:00:00.000Z',
    by: 'test',
    run: 'run',
    revision: `v${number}`,
    commit: 'c'.repeat(40),
    services: [],
    hooks: {},
    schema: [],
    outcome: 'pending',
    ...change,
  }
}
