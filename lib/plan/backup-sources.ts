import type { BackupTarget } from '../model/backup.ts'
import {
  type SourcePolicy,
  type SourceSecrets,
  sourceName,
  type TakenOf,
  type TakenSource,
} from '../model/backup-sources.ts'
import type { Desired } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { Snapshot } from '../model/snapshot.ts'
import { walPolicy } from '../model/wal.ts'
import { isUp } from './target.ts'

/** What of an environment is backed up, in the order of its policy; the findings say what cannot be, and why. */
export function sourcesOf(
  desired: Desired,
  snapshot: Snapshot,
  knowledge: { clients: readonly number[]; targets: readonly BackupTarget[] },
  findings: Finding[],
): TakenSource[] {
  const { database, configuration, backupSources = [] } = desired
  const wanted: readonly SourcePolicy[] =
    configuration.backup.sources ?? (database ? [{ type: 'database', method: 'auto' }] : [])
  const sources = wanted.flatMap((policy, index): TakenSource[] => {
    const secrets = backupSources[index] ?? {}
    if (policy.type === 'redis') return redis(desired, snapshot, policy, secrets, findings)
    if (policy.type === 'folder') return folder(desired, policy, knowledge.targets, findings)
    if (policy.type === 'configuration') return settings(desired, policy, findings)
    return policy.url === undefined
      ? ownDatabase(desired, snapshot, policy, knowledge, findings)
      : otherDatabase(policy, secrets, findings)
  })
  const names = sources.map(sourceName)
  for (const name of new Set(names.filter((one, index) => names.indexOf(one) !== index))) {
    findings.push(error('source-name-twice', `two sources of the backup are called ${name}`, 'give one a `name`'))
  }
  return sources
}

const error = (rule: string, message: string, mend?: string, service?: string): Finding => ({
  rule,
  severity: 'error',
  message,
  ...(mend !== undefined && { mend }),
  ...(service !== undefined && { service }),
})

function ownDatabase(
  desired: Desired,
  snapshot: Snapshot,
  { method, engine: tool }: Extract<SourcePolicy, { type: 'database' }>,
  { clients, targets }: { clients: readonly number[]; targets: readonly BackupTarget[] },
  findings: Finding[],
): TakenSource[] {
  const { database, configuredAs, environment } = desired
  if (!database) {
    const mend = `add \`database: { service: … }\` to config/environments/${configuredAs}.yaml`
    findings.push(error('no-database', `environment ${environment} names no database`, mend))
    return []
  }
  const { service, name, url } = database
  if (url !== undefined) {
    if (method === 'physical' || tool !== undefined) findings.push(notPhysical(service))
    return [{ type: 'database', service, database: name, method: 'logical', version: 0, url }]
  }
  const spec = desired.services.find((one) => one.name === service)?.spec
  if (!spec || !isUp(snapshot.services[service])) {
    findings.push(notRunning(service, configuredAs, 'database-not-ready'))
    return []
  }
  const { engine } = spec
  if (!engine) {
    // A server in a container, a pod or a program of its own: which version it has, only it can say.
    if (method === 'physical' || tool !== undefined) findings.push(notOurFiles(service))
    return [{ type: 'database', service, database: name, method: 'logical', version: 0 }]
  }
  if (tool !== undefined) {
    if (!targets.some(({ type }) => type === 'folder')) findings.push(noFolder(configuredAs))
    if (desired.configuration.backup.recipients.length > 0) findings.push(notEncrypted(service))
    return [{ type: 'database', service, database: name, method: 'physical', engine: tool, version: engine.version }]
  }
  const fits = clients.some((major) => major >= engine.version)
  if (method === 'logical' && !fits) {
    findings.push(
      error(
        'no-client',
        `PostgreSQL ${engine.version} is dumped by pg_dump ${engine.version} or newer, which is not on this machine`,
        `apt-get install postgresql-client-${engine.version}, or set method: physical`,
        service,
      ),
    )
    return []
  }
  // Only a copy of the server's files can be brought to a later time by its WAL.
  const preferred = fits && !walPolicy(desired.configuration.backup) ? 'logical' : 'physical'
  const chosen = method === 'auto' ? preferred : method
  return [{ type: 'database', service, database: name, method: chosen, version: engine.version }]
}

const notRunning = (service: string, configuredAs: string, rule: string): Finding =>
  error(
    rule,
    `${service} does not run, and only a running server can be backed up`,
    `task services up ${service} --environment ${configuredAs}`,
    service,
  )

const notPhysical = (name: string): Finding =>
  error('not-physical', `${name} is given by its address, and only pg_dump reaches it`, 'set method: logical', name)

const notOurFiles = (service: string): Finding =>
  error(
    'not-physical',
    `the files of ${service} are copied only where vital-ops runs the server itself; elsewhere pg_dump takes it`,
    'set method: logical',
    service,
  )

const noFolder = (configuredAs: string): Finding =>
  error(
    'pgbackrest-needs-folder',
    'pgBackRest keeps its repository in a folder, and no target of the backup is one',
    `add { type: folder, path: … } to backup.targets in config/environments/${configuredAs}.yaml`,
  )

const notEncrypted = (service: string): Finding => ({
  rule: 'pgbackrest-not-encrypted',
  severity: 'warning',
  message: `pgBackRest knows no public keys: what it has of ${service} lies in its repository as it is`,
  mend: 'keep the repository on an encrypted disk, or take `engine: pgbackrest` out of the source',
  service,
})

function otherDatabase(
  { name, method, engine }: Extract<SourcePolicy, { type: 'database' }>,
  { url }: SourceSecrets,
  findings: Finding[],
): TakenSource[] {
  if (name === undefined) {
    findings.push(error('source-without-name', 'a database with a url has no name in backups', 'give it a `name`'))
    return []
  }
  if (method === 'physical' || engine !== undefined) findings.push(notPhysical(name))
  // Its name stands in the address, which is secret.
  return url === undefined
    ? []
    : [{ type: 'database', service: name, database: '', method: 'logical', version: 0, url }]
}

function redis(
  desired: Desired,
  snapshot: Snapshot,
  { service, name, url: given }: Extract<SourcePolicy, { type: 'redis' }>,
  { url, password }: SourceSecrets,
  findings: Finding[],
): TakenSource[] {
  const called = name ?? service
  if (called === undefined || (service === undefined) === (given === undefined)) {
    const message = 'a redis of the backup needs a service, or a name and a url'
    findings.push(error('source-without-address', message, '`{ type: redis, service: redis }`'))
    return []
  }
  if (service !== undefined && !isUp(snapshot.services[service])) {
    findings.push(notRunning(service, desired.configuredAs, 'redis-not-ready'))
    return []
  }
  const source: TakenOf<'redis'> = { type: 'redis', name: called, service: service ?? null }
  return [{ ...source, ...(url !== undefined && { url }), ...(password !== undefined && { password }) }]
}

function folder(
  { workspace }: Desired,
  { name, path, exclude }: Extract<SourcePolicy, { type: 'folder' }>,
  targets: readonly BackupTarget[],
  findings: Finding[],
): TakenSource[] {
  const called = name ?? nameFrom(path)
  if (called === undefined) {
    findings.push(error('source-without-name', `the folder ${path} has no name in backups`, 'give it a `name`'))
    return []
  }
  const whole = absolute(workspace.folder, path)
  const inside = targets.flatMap((target) => {
    if (target.type !== 'folder') return []
    const at = absolute(workspace.folder, target.path)
    return at === whole || at.startsWith(`${whole}/`) ? [target.path] : []
  })
  const isLeftOut = (target: string) =>
    exclude.some((one) => `${absolute(workspace.folder, target)}/`.startsWith(`${whole}/${one.replace(/\/$/, '')}/`))
  for (const target of inside.filter((one) => !isLeftOut(one))) {
    const message = `backups go to ${target}, which is in the folder ${path} that they are of`
    findings.push(error('target-in-source', message, 'name it under `exclude` of the source'))
  }
  return [{ type: 'folder', name: called, path, exclude }]
}

/** What a folder is called in backups: its name, where that can be one. */
function nameFrom(path: string): string | undefined {
  const last = path.replace(/\/+$/, '').split('/').at(-1)?.toLowerCase() ?? ''
  return /^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$/.test(last) ? last : undefined
}

/** An absolute path without `.` and `..`; relative ones are from `folder`. */
function absolute(folder: string, path: string): string {
  const parts: string[] = []
  for (const part of (path.startsWith('/') ? path : `${folder}/${path}`).split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  }
  return `/${parts.join('/')}`
}

function settings(
  { configuration, configuredAs }: Desired,
  { name = 'configuration' }: Extract<SourcePolicy, { type: 'configuration' }>,
  findings: Finding[],
): TakenSource[] {
  if (configuration.backup.recipients.length === 0) {
    findings.push(
      error(
        'configuration-unencrypted',
        'the configuration holds secrets, and is only backed up encrypted',
        `name public keys under backup.recipients in config/environments/${configuredAs}.yaml`,
      ),
    )
    return []
  }
  const files = (configuration.secrets ?? [{ type: 'file' as const, path: `.env.${configuredAs}` }]).flatMap(
    (provider) => ('path' in provider ? [provider.path] : []),
  )
  return [{ type: 'configuration', name, paths: ['config', 'Taskfile.ts', ...new Set(files)] }]
}
