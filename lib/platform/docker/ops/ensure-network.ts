import { type Failure, failed, ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import type { DockerContext } from '../context.ts'
import { label, labelArguments, ownerLabels } from '../names.ts'
import { observeNetworks } from '../networks.ts'

/** Creates a shared network with the workspace's label; a foreign one of that name is refused. */
export const ensureNetwork = (docker: DockerContext): Handler<'ensure-network'> => ({
  async run({ data: { network } }, { signal }) {
    const state = await stateOf(docker, network, signal)
    if (!state.ok) return state
    if (state.value === 'present') return ok({ message: 'there already' })
    if (state.value === 'foreign') return failed(foreign(network))
    const labels = labelArguments({ ...ownerLabels(docker), [label.role]: 'network' })
    const created = await docker.engine.checked(['network', 'create', ...labels, network], { signal })
    if (created.ok) return ok({})
    // Networks are the one thing on an engine whose name two may take at once.
    const now = await stateOf(docker, network, signal)
    return now.ok && now.value === 'present' ? ok({ message: 'there already' }) : created
  },

  async check({ data: { network } }) {
    const state = await stateOf(docker, network)
    if (!state.ok) return 'unknown'
    return state.value === 'present' ? 'done' : 'pending'
  },
})

async function stateOf(docker: DockerContext, network: string, signal?: AbortSignal) {
  const observed = await observeNetworks(docker, [network], signal)
  return observed.ok ? ok(observed.value[network] ?? 'missing') : observed
}

const foreign = (network: string): Failure => ({
  code: 'foreign-network',
  message: `a network ${network} is on the engine, and is not this environment's`,
  next: [`docker network inspect ${network}`],
  outcome: 'unchanged',
})
