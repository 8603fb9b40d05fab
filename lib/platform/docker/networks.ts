import { ok, type Result } from '../../model/failure.ts'
import type { ObservedNetwork } from '../../model/snapshot.ts'
import type { DockerContext } from './context.ts'
import { label } from './names.ts'

/** Whose the networks of these names are. */
export async function observeNetworks(
  { engine, workspaceId, environment }: DockerContext,
  names: readonly string[],
  signal?: AbortSignal,
): Promise<Result<Record<string, ObservedNetwork>>> {
  if (names.length === 0) return ok({})
  const format = `{{.Name}}\t{{.Label "${label.workspace}"}}\t{{.Label "${label.environment}"}}`
  const listed = await engine.checked(['network', 'ls', '--format', format], signal ? { signal } : {})
  if (!listed.ok) return listed
  const found = new Map(
    listed.value.split('\n').map((line) => {
      const [name = '', workspace, owner] = line.split('\t')
      return [name, workspace === workspaceId && owner === environment] as const
    }),
  )
  return ok(
    Object.fromEntries(
      names.map((name) => {
        const own = found.get(name)
        return [name, own === undefined ? 'missing' : own ? 'present' : 'foreign']
      }),
    ),
  )
}
