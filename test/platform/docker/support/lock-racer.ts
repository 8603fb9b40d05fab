import { createInterface } from 'node:readline'
import type { Lease } from '../../../../lib/model/platform.ts'
import { dockerEngine } from '../../../../lib/platform/docker/engine.ts'
import { dockerLock } from '../../../../lib/platform/docker/lock.ts'

/**
 * A process that takes the locks of many environments at once: one JSON command a line on its input (`id`, `do`: `acquire` or `release`, `environment`),
 * one JSON answer with the same `id` a line on its output. Its argument: the engine's host, the workspace's id and its run's name, as JSON.
 */
const { host, workspaceId, run } = JSON.parse(process.argv[2] as string) as Record<
  'host' | 'workspaceId' | 'run',
  string
>
const leases = new Map<string, Lease>()

type Command = { id: number; do: 'acquire' | 'release'; environment: string }

async function obey({ do: what, environment }: Command): Promise<object> {
  if (what === 'release') {
    const lease = leases.get(environment)
    leases.delete(environment)
    const held = (await lease?.prove(1000)) ?? false
    await lease?.release()
    return { held }
  }
  const owner = { workspaceName: 'races', workspaceId, environment }
  const lock = dockerLock({ engine: dockerEngine({ host }), owner, ttlMs: 60_000 })
  const signal = new AbortController().signal
  const result = await lock.acquire({ mode: 'exclusive', run, purpose: `deploy by ${run}`, signal })
  if (!result.ok) return { acquired: false, ...result.failures[0] }
  leases.set(environment, result.value.lease)
  return { acquired: true, takenFrom: result.value.takenFrom.length }
}

for await (const line of createInterface({ input: process.stdin })) {
  const command = JSON.parse(line) as Command
  void obey(command).then((answer) => process.stdout.write(`${JSON.stringify({ id: command.id, ...answer })}\n`))
}
