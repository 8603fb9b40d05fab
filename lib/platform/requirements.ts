import { statfs } from 'node:fs/promises'
import type { EnvironmentConfiguration, PlatformName } from '../model/environment.ts'
import { type CommandResult, runCommand } from '../system/command.ts'
import { installHint } from '../system/packages.ts'

/** One thing that an environment or a platform needs, and whether it is there. */
export type Requirement = {
  what: string
  found: boolean
  /** Version, address or amount, as far as known. */
  version?: string
  /** The platform that needs it; undefined when all do. */
  platform?: PlatformName
  /** The command that installs or mends it on this system. */
  mend?: string
}

type Check = (options: RequirementOptions) => Promise<Requirement[]>
/** What is checked, and for whom. */
export type RequirementOptions = {
  folder: string
  /** The environment whose address is checked; absent for the platform in general. */
  configuration?: EnvironmentConfiguration
  signal: AbortSignal
}

/** Reads `v20.12.1` or `20.12` as numbers. */
const versionParts = (version: string): number[] => version.replace(/^v/, '').split('.').map(Number)

/** Whether a dotted version is at least another one. */
export function atLeast(version: string, least: string): boolean {
  const [have, want] = [versionParts(version), versionParts(least)]
  for (let index = 0; index < want.length; index++) {
    const difference = (have[index] ?? 0) - (want[index] ?? 0)
    if (difference !== 0) return difference > 0
  }
  return true
}

const leastNode = '20.12'
const leastDisk = 1024 ** 3

const everywhere: Check = async ({ folder }) => {
  const node = process.versions.node
  const disk = await statfs(folder)
  const free = disk.bavail * disk.bsize
  const supported = process.platform === 'linux' || process.platform === 'darwin'
  return [
    {
      what: `Node.js ≥ ${leastNode}`,
      found: atLeast(node, leastNode),
      version: node,
      ...mendOf('node'),
    },
    {
      what: 'Linux or macOS',
      found: supported,
      version: process.platform,
      ...(supported ? {} : { mend: 'use the Windows Subsystem for Linux: wsl --install' }),
    },
    { what: 'disk ≥ 1 GiB', found: free >= leastDisk, version: `${(free / 1024 ** 3).toFixed(1)} GiB free` },
  ]
}

const mendOf = (program: string): { mend?: string } => {
  const hint = installHint(program)
  return hint === undefined ? {} : { mend: hint }
}

/** Runs a read-only command; undefined when it is not there, fails or takes more than 15 s: a busy machine is no reason. */
async function output(argv: readonly [string, ...string[]], signal: AbortSignal): Promise<string | undefined> {
  const result = await runCommand(argv, { timeoutMs: 15_000, signal })
  return result.ok && succeeded(result.value) ? result.value.stdout.trim() : undefined
}
const succeeded = (result: CommandResult) => result.status === 0

const local: Check = async ({ signal }) => {
  const git = await output(['git', '--version'], signal)
  return [
    {
      what: 'git (for deploys)',
      platform: 'local',
      found: git !== undefined,
      ...(git ? { version: git.replace('git version ', '') } : {}),
      ...mendOf('git'),
    },
  ]
}

const docker: Check = async ({ configuration, signal }) => {
  const context = configuration?.docker?.context
  const host = configuration?.docker?.host
  const address = host ? ['--host', host] : context ? ['--context', context] : []
  const [client, compose, engine] = await Promise.all([
    output(['docker', '--version'], signal),
    output(['docker', 'compose', 'version', '--short'], signal),
    output(['docker', ...address, 'version', '--format', '{{.Server.Version}}'], signal),
  ])
  const where = host ?? (context ? `context ${context}` : 'default context')
  return [
    row('docker', 'docker', client?.match(/\d+\.\d+\.\d+/)?.[0], mendOf('docker').mend),
    row('docker compose v2', 'docker', compose, mendOf('docker compose').mend),
    row(`Docker engine (${where})`, 'docker', engine, 'start it: systemctl start docker, or see docker context ls'),
  ]
}

const kubernetes: Check = async ({ configuration, signal }) => {
  const context = configuration?.kubernetes?.context
  const [client, contexts, server] = await Promise.all([
    output(['kubectl', 'version', '--client', '-o', 'json'], signal),
    output(['kubectl', 'config', 'get-contexts', '-o', 'name'], signal),
    context === undefined
      ? undefined
      : output(['kubectl', '--context', context, 'version', '-o', 'json', '--request-timeout=4s'], signal),
  ])
  const clientVersion = client?.match(/"gitVersion":\s*"v([^"]+)"/)?.[1]
  const rows = [row('kubectl ≥ 1.28', 'kubernetes', clientVersion, mendOf('kubectl').mend)]
  if (clientVersion !== undefined && !atLeast(clientVersion, '1.28')) (rows[0] as Requirement).found = false
  if (context === undefined) return rows
  const known = contexts?.split('\n').includes(context)
  const serverVersion = server?.match(/"serverVersion"[\s\S]*?"gitVersion":\s*"v([^"]+)"/)?.[1]
  return [
    ...rows,
    row(`kube context ${context}`, 'kubernetes', known ? context : undefined, 'kubectl config get-contexts'),
    row(`API server of ${context}`, 'kubernetes', serverVersion, `kubectl --context ${context} cluster-info`),
  ]
}

const row = (
  what: string,
  platform: PlatformName,
  version: string | undefined,
  mend: string | undefined,
): Requirement => ({
  what,
  platform,
  found: version !== undefined,
  ...(version === undefined ? {} : { version }),
  ...(mend === undefined ? {} : { mend }),
})

const checks = { local, docker, kubernetes } satisfies Record<PlatformName, Check>

/** What the named platforms need, all checked at once; what all of them need comes first. Read-only. */
export async function checkRequirements(
  platforms: readonly PlatformName[],
  options: RequirementOptions,
): Promise<Requirement[]> {
  const rows = await Promise.all([everywhere(options), ...platforms.map((platform) => checks[platform](options))])
  return rows.flat()
}
