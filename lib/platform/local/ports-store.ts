import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { PortAssignments } from '../../plan/ports.ts'
import { readJson, writeFileAtomic } from '../../system/files.ts'
import { environmentFolder } from './paths.ts'

/** The ports that `--resolve-ports` has chosen for an environment, so that every later command uses the same. */
export async function readPorts(folder: string, environment: string): Promise<PortAssignments> {
  const stored = (await readJson(portsPath(folder, environment))) as { version: 1; ports: PortAssignments } | undefined
  return stored?.version === 1 ? stored.ports : {}
}

/** Remembers chosen ports. What is not named anew is kept; a port of 0 is forgotten: the configured one is used again. */
export async function writePorts(folder: string, environment: string, changes: PortAssignments): Promise<void> {
  const ports = await readPorts(folder, environment)
  for (const [service, named] of Object.entries(changes)) {
    const merged = Object.entries({ ...ports[service], ...named }).filter(([, port]) => port !== 0)
    if (merged.length > 0) ports[service] = Object.fromEntries(merged)
    else delete ports[service]
  }
  await mkdir(environmentFolder(folder, environment), { recursive: true })
  await writeFileAtomic(portsPath(folder, environment), `${JSON.stringify({ version: 1, ports }, undefined, 2)}\n`)
}

/** Where those ports are. */
export const portsPath = (folder: string, environment: string): string =>
  join(environmentFolder(folder, environment), 'ports.json')
