import { failed, ok, type Result } from '../../../model/failure.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Handler } from '../../../model/platform.ts'
import type { DockerContext } from '../context.ts'

type Data = OpOf<'remove-leftover'>['data']

/**
 * Removes something from the engine, by what it is. Never by force, but for a container that the plan says runs: what somebody has begun to use
 * meanwhile stays, and the op says so.
 */
export const removeLeftover = (
  docker: DockerContext,
  forget: (identities: readonly string[]) => Promise<void>,
): Handler<'remove-leftover'> => ({
  async run({ data }, { signal }) {
    const there = await isThere(docker, data)
    if (!there.ok) return there
    if (!there.value) {
      if (data.what === 'image') await forget([data.identity])
      return ok({ message: 'gone already' })
    }
    const names = await removalOf(docker, data, signal)
    if (!names.ok) return names
    if (names.value === undefined) {
      if (data.what === 'image') await forget([data.identity])
      return ok({ message: 'it has other names, and stays under them' })
    }
    const removed = await docker.engine.run(names.value, { signal, timeoutMs: 120_000 })
    if (!removed.ok) return removed
    const left = await isThere(docker, data)
    if (!left.ok) return left
    // An image whose own name was taken away may have another one, which is somebody else's.
    if (left.value && !(data.what === 'image' && removed.value.status === 0)) {
      const lines = removed.value.stderr.trim().split('\n')
      return failed({
        code: 'changed-meanwhile',
        message: `the ${data.what} ${data.what === 'image' ? data.reference : data.name} was not removed`,
        why: lines.at(-1)?.replace(/^Error response from daemon: /, '') || 'somebody uses it now',
        next: [`task cleanup ${docker.environment}`],
      })
    }
    if (data.what === 'image') await forget([data.identity])
    return ok({})
  },

  async check({ data }) {
    const there = await isThere(docker, data)
    return there.ok ? (there.value ? 'pending' : 'done') : 'unknown'
  },
})

const idOf = (data: Data): string =>
  data.what === 'image' ? data.identity : data.what === 'volume' ? data.name : data.id

async function isThere({ engine }: DockerContext, data: Data): Promise<Result<boolean>> {
  const found = await engine.run([data.what, 'inspect', idOf(data)])
  return found.ok ? ok(found.value.status === 0) : found
}

async function removalOf(
  { engine }: DockerContext,
  data: Data,
  signal: AbortSignal,
): Promise<Result<string[] | undefined>> {
  switch (data.what) {
    case 'container':
      return ok(['rm', '--volumes', ...(data.running ? ['--force'] : []), data.id])
    case 'network':
      return ok(['network', 'rm', data.id])
    case 'volume':
      return ok(['volume', 'rm', data.name])
    case 'image': {
      const said = await engine.json<{ RepoTags: string[] | null; RepoDigests: string[] | null }>(
        ['image', 'inspect', data.identity],
        { signal },
      )
      if (!said.ok) return said
      const [image] = said.value
      const [tags, digests] = [image?.RepoTags ?? [], image?.RepoDigests ?? []]
      // Its own names; all of the image goes with the last one.
      const own = [...tags.filter((tag) => tag === data.reference), ...digests.filter((one) => one === data.identity)]
      if (own.length > 0) return ok(['rmi', ...own])
      return ok(tags.length > 0 ? undefined : ['rmi', data.identity])
    }
  }
}
