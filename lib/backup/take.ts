import { applicationName, type DatabaseAddress, withDatabase } from '../database/connect.ts'
import { dataFolderOf } from '../database/engine/cluster.ts'
import type { BackupFile, BackupManifest, BackupReason, ManifestSource } from '../model/backup.ts'
import type { TakenOf, TakenSource } from '../model/backup-sources.ts'
import { type Failure, FailureError, ok, unwrap } from '../model/failure.ts'
import type { SecretSource } from '../model/platform.ts'
import { hostName, userName } from '../system/machine.ts'
import { ownIdentity } from '../system/process-identity.ts'
import { makeIdentity } from './age.ts'
import { backupPrefix, manifestDigest, readCatalogue } from './catalogue.ts'
import { clientFor } from './clients.ts'
import type { BackupPorts } from './context.ts'
import { checkStored } from './fetch.ts'
import { takePgBackRest } from './pgbackrest/take.ts'
import { databaseAt, redisAt } from './sources/address.ts'
import { takeConfiguration, takeFolder } from './sources/folder.ts'
import { type Taking, takeLogical } from './sources/logical.ts'
import { takePhysical } from './sources/physical.ts'
import { takeRedis } from './sources/redis.ts'
import { type Copy, failureOf } from './store.ts'
import type { Target } from './targets/target.ts'

/** What a backup is to be. */
export type TakeRequest = {
  reason: BackupReason
  sources: readonly TakenSource[]
  targets: readonly Target[]
  recipients: readonly string[]
  release: number | null
  run: string
  /** For sources that are given by their address. */
  secrets: SecretSource
  signal: AbortSignal
  output(line: string): void
}

/** A backup that was taken, and the targets that did not take it. */
export type Taken = { manifest: BackupManifest; missed: { target: string; failure: Failure }[] }

/**
 * Takes a backup: claims the next number, writes every source's files into all targets, reads them back, and writes the manifest last. Throws
 * `FailureError` when no target has it whole; what was written is removed then.
 */
export async function takeBackup(ports: BackupPorts, request: TakeRequest): Promise<Taken> {
  const { targets, run, signal } = request
  const created = new Date().toISOString()
  const trial = request.recipients.length > 0 ? await makeIdentity() : undefined
  const { number, copies } = await claim(ports, request, created)
  const prefix = backupPrefix(ports, number)
  const taking: Taking = {
    copies,
    prefix,
    // A key that only this process knows, and forgets: with it everything is decrypted once before it counts.
    recipients: trial ? [...request.recipients, trial.recipient] : [],
    signal,
    output: request.output,
  }
  try {
    const files: BackupFile[] = []
    const sources: ManifestSource[] = []
    for (const source of request.sources) {
      const taken = await takeSource(ports, source, request, taking)
      files.push(...taken.files)
      sources.push(taken.source)
    }
    await readBack(copies, prefix, files, trial ? [trial.identity] : [], signal)
    const rest: Omit<BackupManifest, 'digest'> = {
      format: 1,
      workspace: ports.workspace,
      environment: ports.environment,
      number,
      run,
      by: userName(),
      reason: request.reason,
      ...(request.release === null ? {} : { release: request.release }),
      created,
      finished: new Date().toISOString(),
      recipients: [...request.recipients],
      sources,
      files,
    }
    const manifest: BackupManifest = { ...rest, digest: manifestDigest(rest) }
    await finish(copies, prefix, manifest, signal)
    const missed = copies.flatMap(({ target, failure }) => (failure ? [{ target: target.name, failure }] : []))
    return { manifest, missed }
  } catch (error) {
    // Without a manifest it is no backup; it need not take room either.
    await Promise.all(targets.map((target) => target.remove(prefix).catch(() => {})))
    throw error
  }
}

/**
 * Takes the next number: in each target the first who writes the claim has it, and who comes second takes the next one in all of them.
 */
async function claim(
  ports: BackupPorts,
  { targets, run }: TakeRequest,
  at: string,
): Promise<{ number: number; copies: Copy[] }> {
  const copies: Copy[] = targets.map((target) => ({ target }))
  const { entries } = await readCatalogue(targets, ports)
  const content = `${JSON.stringify({ run, at, host: hostName(), process: await ownIdentity() })}\n`
  for (let number = (entries.at(-1)?.number ?? 0) + 1; ; number += 1) {
    const key = `${backupPrefix(ports, number)}claim.json`
    let taken = false
    for (const copy of copies) {
      if (copy.failure) continue
      try {
        taken ||= !(await copy.target.create(key, content))
      } catch (error) {
        copy.failure = failureOf(error, copy.target)
      }
    }
    const failures = copies.flatMap(({ failure }) => failure ?? [])
    if (failures.length === copies.length) throw new FailureError(...(failures as [Failure]))
    if (!taken) return { number, copies }
  }
}

type OneTaken = { files: BackupFile[]; source: ManifestSource }

async function takeSource(
  ports: BackupPorts,
  source: TakenSource,
  request: TakeRequest,
  taking: Taking,
): Promise<OneTaken> {
  switch (source.type) {
    case 'database':
      return takeDatabase(ports, source, request, taking)
    case 'redis':
      return takeRedis(await redisAt(ports, source, request.secrets), source.name, taking)
    case 'folder':
      // Before a restore it may be what is missing.
      return takeFolder(ports.folder, source, { ...taking, mayMiss: request.reason === 'before-restore' })
    case 'configuration':
      return takeConfiguration(ports.folder, source, taking)
  }
}

async function takeDatabase(
  ports: BackupPorts,
  source: TakenOf<'database'>,
  { run, secrets }: TakeRequest,
  taking: Taking,
): Promise<OneTaken> {
  const { server, database } = await databaseAt(ports, source, secrets)
  const address = { ...server, database, applicationName: applicationName(run) }
  const { service, method } = source
  if (method === 'logical') {
    const version = source.version || (await majorOf(address, taking.signal))
    const client = unwrap(await clientFor(version, version, taking.signal))
    return takeLogical(client, address, service, taking)
  }
  const folder = dataFolderOf(await ports.dataFolder(service), source.version)
  if (source.engine) return takePgBackRest(ports, folder, address, service, run, taking)
  return takePhysical(folder, address, service, run, taking)
}

/** The major version of a server that nothing else says it of. */
async function majorOf(address: DatabaseAddress, signal: AbortSignal): Promise<number> {
  return unwrap(
    await withDatabase({ ...address, signal }, async (connection) => {
      const { rows } = await connection.query<{ major: number }>(
        `select current_setting('server_version_num')::int / 10000 as major`,
      )
      return ok(rows[0]?.major ?? 0)
    }),
  )
}

/** Reads every file back, and decrypts it: what cannot be read now cannot be read when it is needed. */
async function readBack(
  copies: readonly Copy[],
  prefix: string,
  files: readonly BackupFile[],
  identities: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const copy of copies) {
    if (copy.failure) continue
    try {
      for (const file of files) await checkStored(copy.target, prefix, file, signal, identities)
    } catch (error) {
      if (signal.aborted) throw error
      copy.failure = failureOf(error, copy.target)
    }
  }
  const failures = copies.flatMap(({ failure }) => failure ?? [])
  if (failures.length === copies.length) throw new FailureError(...(failures as [Failure]))
}

async function finish(
  copies: readonly Copy[],
  prefix: string,
  manifest: BackupManifest,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted()
  const text = `${JSON.stringify(manifest, undefined, 2)}\n`
  for (const copy of copies) {
    if (copy.failure) continue
    try {
      if (!(await copy.target.create(`${prefix}manifest.json`, text))) throw new Error('its manifest is there already')
    } catch (error) {
      copy.failure = failureOf(error, copy.target)
    }
  }
  const failures = copies.flatMap(({ failure }) => failure ?? [])
  if (failures.length === copies.length) throw new FailureError(...(failures as [Failure]))
  // What a failed target has of it is incomplete, and would only be in the way.
  await Promise.all(copies.map(({ target, failure }) => failure && target.remove(prefix).catch(() => {})))
}
