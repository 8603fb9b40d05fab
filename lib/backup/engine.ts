import type { Engine } from '../database/engine/postgres.ts'
import type { Result } from '../model/failure.ts'
import type { BackupPorts } from './context.ts'

/** The engine that reads a physical backup: of the same major version, the embedded one or else the machine's. */
export async function physicalEngine(
  ports: BackupPorts,
  service: string,
  version: number,
  signal: AbortSignal,
): Promise<Result<Engine>> {
  const embedded = await ports.engine({ service, version, prefer: 'embedded' }, signal)
  if (embedded.ok) return embedded
  const system = await ports.engine({ service, version, prefer: 'system' }, signal)
  return system.ok ? system : embedded
}
