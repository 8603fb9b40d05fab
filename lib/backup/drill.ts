import { join } from 'node:path'
import { applicationName, withDatabase } from '../database/connect.ts'
import type { DrillReport, ManifestSource } from '../model/backup.ts'
import { FailureError, ok, unwrap } from '../model/failure.ts'
import { type Comparison, compareContents } from './compare.ts'
import type { BackupPorts, Server } from './context.ts'
import { physicalEngine } from './engine.ts'
import { compareRedis, readDatabases, redisContentsSchema } from './redis/contents.ts'
import { contentsOf, type Opened, recordedContents } from './restore/files.ts'
import { fetchDump, fetchGlobals, restoreLogical } from './restore/logical.ts'
import { restorePhysical } from './restore/physical.ts'
import { readRestored } from './restore/read.ts'
import { startScratchRedis } from './restore/redis.ts'
import { extractTree, isRoot } from './restore/tree.ts'
import { inFolder, startEmpty } from './scratch.ts'
import { compareTrees, readTree, treeContentsSchema } from './tree/contents.ts'

/** What a drill is given besides the backup. */
export type DrillOptions = { run: string; signal: AbortSignal; output(line: string): void }

/**
 * Restores every source of a backup beside everything else and compares it with what was written down when it was taken. Throws `FailureError` where it
 * cannot even be restored; differences are in the report.
 */
export async function drill(ports: BackupPorts, opened: Opened, options: DrillOptions): Promise<DrillReport> {
  const report: DrillReport = {
    format: 1,
    run: options.run,
    at: new Date().toISOString(),
    ok: false,
    manifest: opened.manifest.digest,
    restoreMs: 0,
    compareMs: 0,
    on: '',
    compared: { files: opened.manifest.files.length },
    differences: [],
  }
  const scratch = join(await ports.scratchFolder(), `drill-${opened.manifest.number}`)
  await inFolder(scratch, async (folder) => {
    for (const source of opened.manifest.sources) {
      options.output(`${source.name}: restoring`)
      // Each source has a folder and a server of its own, and leaves its room to the next.
      const found = await inFolder(join(folder, String(opened.manifest.sources.indexOf(source))), (own) =>
        drillSource(ports, opened, source, own, options),
      )
      report.restoreMs += Math.round(found.restoreMs)
      report.compareMs += Math.round(found.compareMs)
      report.on = [report.on, found.on].filter((text) => text !== '').join('; ')
      for (const [kind, count] of Object.entries(found.compared))
        report.compared[kind] = (report.compared[kind] ?? 0) + count
      report.differences.push(...found.differences)
    }
  })
  report.ok = report.differences.length === 0
  return report
}

type SourceDrill = Comparison & { on: string; restoreMs: number; compareMs: number }

async function drillSource(
  ports: BackupPorts,
  opened: Opened,
  source: ManifestSource,
  folder: string,
  options: DrillOptions,
): Promise<SourceDrill> {
  if (source.type === 'redis') return drillRedis(opened, source, folder, options)
  if (source.type !== 'database') return drillTree(opened, source, folder)
  return source.method === 'physical'
    ? drillPhysical(ports, opened, source, folder, options)
    : drillLogical(ports, opened, source, folder, options)
}

async function drillPhysical(
  ports: BackupPorts,
  opened: Opened,
  source: ManifestSource,
  folder: string,
  { run, signal }: DrillOptions,
): Promise<SourceDrill> {
  const service = source.service ?? source.name
  const version = Number.parseInt(source.server ?? '0', 10)
  const contents = await contentsOf(opened, source.name)
  const engine = unwrap(await physicalEngine(ports, service, version, signal))
  const started = performance.now()
  const dataFolder = join(folder, `postgres-${version}`)
  const scratch = await restorePhysical(opened, { service, engine, dataFolder, folder, durable: false })
  try {
    const restored = performance.now()
    const address = {
      ...scratch.server,
      database: source.database ?? '',
      applicationName: applicationName(run),
      signal,
    }
    const found = compareContents(contents, await readRestored(address), { owners: true })
    const on = `a scratch server, PostgreSQL ${engine.version} (${engine.kind})`
    return { ...found, on, restoreMs: restored - started, compareMs: performance.now() - restored }
  } finally {
    await scratch.stop()
  }
}

async function drillLogical(
  ports: BackupPorts,
  opened: Opened,
  source: ManifestSource,
  folder: string,
  { run, signal, output }: DrillOptions,
): Promise<SourceDrill> {
  const service = source.service ?? source.name
  const version = Number.parseInt(source.server ?? '0', 10)
  const contents = await contentsOf(opened, source.name)
  const engine = await ports.engine({ service, version, prefer: 'system' }, signal)
  const started = performance.now()
  const dump = fetchDump(opened, service, folder)
  try {
    const scratch = engine.ok ? await startEmpty(engine.value, folder, signal) : undefined
    // Without a server of that version here, the environment's own takes a database more.
    const own = scratch ? undefined : await ports.administrator(service)
    // One that is given by its address is not known by now.
    if (own && !own.ok && !engine.ok) throw new FailureError(...engine.failures)
    const server: Server = scratch?.server ?? unwrap(own as NonNullable<typeof own>)
    const into = `vital_ops_drill_${opened.manifest.number}`
    try {
      const tables = await restoreLogical(opened, {
        dump,
        globals: () => fetchGlobals(opened, service),
        server,
        applicationName: applicationName(run),
        service,
        into,
        contents,
        roles: {},
        tables: null,
        output,
      })
      const restored = performance.now()
      const address = { ...server, database: into, applicationName: applicationName(run), signal }
      const found = compareContents(contents, await readRestored(address, tables), { owners: true })
      const on = engine.ok
        ? `a scratch server, PostgreSQL ${engine.value.version} (${engine.value.kind})`
        : `a database of its own on the server of ${service}`
      return { ...found, on, restoreMs: restored - started, compareMs: performance.now() - restored }
    } finally {
      if (scratch) await scratch.stop()
      else await dropDatabase(server, into, run)
    }
  } finally {
    await dump.remove()
  }
}

async function drillRedis(
  opened: Opened,
  source: ManifestSource,
  folder: string,
  { signal }: DrillOptions,
): Promise<SourceDrill> {
  const contents = await recordedContents(opened, source.name, redisContentsSchema)
  const started = performance.now()
  const scratch = await startScratchRedis(opened, source, folder, signal)
  try {
    const restored = performance.now()
    const found = compareRedis(contents, await readDatabases(scratch.connection))
    const on = `a scratch server, Redis ${scratch.version}`
    return { ...found, on, restoreMs: restored - started, compareMs: performance.now() - restored }
  } finally {
    await scratch.stop()
  }
}

async function drillTree(opened: Opened, source: ManifestSource, folder: string): Promise<SourceDrill> {
  const contents = await recordedContents(opened, source.name, treeContentsSchema)
  const started = performance.now()
  const into = join(folder, `tree-${source.name}`)
  await extractTree(opened, source.name, into)
  const restored = performance.now()
  const found = compareTrees(contents, await readTree(into), { owners: isRoot })
  return { ...found, on: 'a folder', restoreMs: restored - started, compareMs: performance.now() - restored }
}

/** Removes a database that a drill has made. */
async function dropDatabase(server: Server, name: string, run: string): Promise<void> {
  const admin = { ...server, database: 'postgres', applicationName: applicationName(run) }
  await withDatabase(admin, async (connection) => {
    await connection.query(`drop database if exists ${connection.escapeIdentifier(name)} with (force)`)
    return ok(undefined)
  })
}
