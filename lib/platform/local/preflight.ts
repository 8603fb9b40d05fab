import { join } from 'node:path'
import { findEnginePackage } from '../../database/engine/package.ts'
import { findSystemServer } from '../../database/engine/system.ts'
import { engineUser, notEnterable } from '../../database/engine/user.ts'
import type { Desired, RunSpec } from '../../model/desired.ts'
import type { Result } from '../../model/failure.ts'
import type { Finding } from '../../model/finding.ts'
import type { OpOf } from '../../model/op.ts'
import type { Plan } from '../../model/plan.ts'
import type { SecretSource } from '../../model/platform.ts'
import { exists } from '../../system/files.ts'
import { diskFree } from '../../system/machine.ts'
import { findProgram, programNotFound } from '../../system/programs.ts'
import { hostsIn, isLoopback } from '../../validate/hosts.ts'
import { findingOf, missingSecrets, partsOf } from '../preflight-findings.ts'
import { atLeast } from '../requirements.ts'
import type { LocalContext } from './context.ts'
import { findDataFolder, sharedDataRoot } from './data-root.ts'
import { opsFolder } from './paths.ts'
import { blockedPorts, numbersOf, portText } from './port-conflicts.ts'
import { sourceFolder } from './prepare.ts'
import { type LocalState, readLocalState } from './state.ts'

const leastNode = '20.12'
const gib = 1024 ** 3
/** Below this the disk is full as soon as anything is written. */
const leastDisk = gib / 16
const littleDisk = gib

/** Read-only checks of a plan before it runs: nothing is stopped yet, so what is missing costs nothing. */
export async function preflightLocal(
  local: LocalContext,
  plan: Plan,
  desired: Desired | undefined,
  secrets: SecretSource,
  signal: AbortSignal,
): Promise<Finding[]> {
  const starts = plan.ops.filter((op): op is OpOf<'start-service'> => op.kind === 'start-service')
  const state = await readLocalState(local)
  if (!state.ok) return state.failures.map((failure) => findingOf(failure))
  const checks = await Promise.all([
    ports(plan, starts, state.value, desired),
    ...starts.map(({ data }) => programs(local, plan, data.spec)),
    ...starts.map(({ data }) => engine(local, data.spec, signal)),
    disk(local, plan),
  ])
  return [
    ...machine(),
    ...recovery(state.value),
    ...checks.flat(),
    ...starts.flatMap(({ data }) => missingSecrets(plan, data.spec, secrets)),
    ...(local.environment.includes('@') ? starts.flatMap(({ data }) => foreignAddresses(data.spec, secrets)) : []),
  ]
}

function machine(): Finding[] {
  const { node } = process.versions
  if (atLeast(node, leastNode)) return []
  return [
    {
      rule: 'node-too-old',
      severity: 'error',
      message: `Node.js ${node} runs this command; ${leastNode} is the oldest that works`,
      mend: 'install a newer Node.js: https://nodejs.org',
    },
  ]
}

function recovery({ died, records }: LocalState): Finding[] {
  if (!died) return []
  const names = records.filter(({ phase }) => phase === 'lost').map(({ service }) => service)
  return [
    {
      rule: 'supervisor-died',
      severity: 'warning',
      message: `the supervisor of the local services has died${names.length > 0 ? `, and with it ${names.join(', ')}` : ''}; what is left of it is ended first`,
    },
  ]
}

async function ports(
  plan: Plan,
  starts: OpOf<'start-service'>[],
  { records }: LocalState,
  desired: Desired | undefined,
): Promise<Finding[]> {
  const specs = [...starts.map(({ data }) => data.spec), ...(desired?.services.flatMap(({ spec }) => spec ?? []) ?? [])]
  const taken = new Set([...specs.flatMap(numbersOf), ...records.flatMap((record) => Object.values(record.ports))])
  const findings: Finding[] = []
  for (const { data } of starts) {
    const record = records.find(({ service }) => service === data.service)
    for (const blocked of await blockedPorts(data.spec, record, taken)) {
      taken.add(blocked.free)
      findings.push({
        rule: blocked.state === 'in-use' ? 'port-in-use' : 'port-not-usable',
        severity: 'error',
        service: data.service,
        message: portText(blocked),
      })
    }
  }
  // One command takes them all.
  const names = [...new Set(findings.flatMap(({ service }) => service ?? []))]
  const mend = resolvingCommand(plan, names, desired)
  return findings.map((finding, index) => (index === findings.length - 1 ? { ...finding, mend } : finding))
}

/** The command that was planned, with the flag; what has no such flag finds the ports that `services up` has taken. */
function resolvingCommand({ operation, environment }: Plan, names: string[], desired: Desired | undefined): string {
  const [configuredAs = environment, platform] = environment.split('@')
  const rehearsal = platform === undefined ? '' : ` --platform ${platform}`
  const at = desired?.configuredAs ?? configuredAs
  if (operation === 'setup' || operation === 'deploy') return `task ${operation} ${at}${rehearsal} --resolve-ports`
  return `task services up ${names.join(' ')}${at === 'dev' ? '' : ` -e ${at}`}${rehearsal} --resolve-ports`
}

async function programs(local: LocalContext, plan: Plan, spec: RunSpec): Promise<Finding[]> {
  const { service, source, command } = spec
  const made = (kind: 'export-source' | 'run-build') => plan.ops.some((op) => op.kind === kind)
  const files = sourceFolder(local, source)
  if (source.kind === 'release' && !made('export-source') && !(await exists(files))) {
    return [
      {
        rule: 'release-files-missing',
        severity: 'error',
        service,
        message: `the files of release ${source.release}, which ${service} is to run from, are not there: ${files}`,
        mend: 'task deploy, or task releases   # which has the others to go back to',
      },
    ]
  }
  const program = command?.[0]
  // A program inside of files that are only made by this plan cannot be looked for yet.
  if (program === undefined || (program.includes('/') && (made('export-source') || made('run-build')))) return []
  if (findProgram(program, process.env, join(files, spec.directory)) !== undefined) return []
  return [findingOf(programNotFound(program), service)]
}

async function engine(local: LocalContext, spec: RunSpec, signal: AbortSignal): Promise<Finding[]> {
  if (!spec.engine) return []
  const { version, prefer } = spec.engine
  const account = engineUser()
  if (!account.ok) return account.failures.map((failure) => findingOf(failure, spec.service))
  const user = account.value
  const system = prefer === 'system' ? await findSystemServer(version, user, process.env.PATH, signal) : undefined
  const found: Result<unknown> = system ? { ok: true, value: system } : await findEnginePackage(local.folder, version)
  const findings = found.ok ? [] : found.failures.map((failure) => findingOf(failure, spec.service))
  if (!user) return findings
  // The data may not have been made yet; then it is the way to where they will be.
  const folder = (await findDataFolder({ ...local, service: spec.service })) ?? sharedDataRoot() ?? local.folder
  const blocked = await notEnterable(folder, user)
  if (blocked === undefined) return findings
  return [
    ...findings,
    {
      rule: 'data-folder-not-enterable',
      severity: 'error',
      service: spec.service,
      message: `${spec.service} runs as ${user.name}, who cannot enter ${blocked}, where its data are to be`,
      mend: `chmod o+x ${blocked}, or set OPS_DATA_ROOT to a folder that everybody can enter`,
    },
  ]
}

async function disk(local: LocalContext, plan: Plan): Promise<Finding[]> {
  if (!plan.ops.some((op) => op.changes)) return []
  const places = new Set([opsFolder(local.folder), sharedDataRoot() ?? opsFolder(local.folder)])
  const findings: Finding[] = []
  for (const place of places) {
    const free = await diskFree(place)
    if (free >= littleDisk) continue
    findings.push({
      rule: 'disk-nearly-full',
      severity: free < leastDisk ? 'error' : 'warning',
      message: `only ${Math.round(free / 1024 ** 2)} MiB are free on the disk of ${place}`,
      mend: `df -h ${place}`,
    })
  }
  return findings
}

/** A rehearsal reaches this machine only. Resolution checks today's configuration; this checks what a record says as well. */
function foreignAddresses(spec: RunSpec, secrets: SecretSource): Finding[] {
  return Object.entries(spec.environment).flatMap(([name, value]): Finding[] => {
    const text = partsOf(value)
      .map((part) => (typeof part === 'string' ? part : 'secret' in part ? (secrets.find(part)?.reveal() ?? '') : ''))
      .join('')
    if (hostsIn(name, text).every((host) => isLoopback(host))) return []
    return [
      {
        rule: 'not-loopback',
        severity: 'error',
        service: spec.service,
        message: `${name} of ${spec.service} points to another machine, and a rehearsal reaches nothing but this one`,
        mend: `set the value under rehearsal.values of the environment's file`,
      },
    ]
  })
}
