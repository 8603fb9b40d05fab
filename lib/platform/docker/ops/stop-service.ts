import { failed, ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { serviceContainers } from '../containers.ts'
import type { DockerContext } from '../context.ts'
import { label } from '../names.ts'
import { changedMeanwhile, remove } from './start-service.ts'

/** Stops a service and removes its containers, kept ones included, and the networks of its project. Named volumes and shared networks stay. */
export const stopService = (docker: DockerContext): Handler<'stop-service'> => ({
  async run({ data: { service, before } }, { signal }) {
    const { engine } = docker
    const found = await serviceContainers(docker, service, signal)
    if (!found.ok) return found
    const own = found.value.filter(({ kept }) => !kept)
    const other = before === null ? undefined : changedMeanwhile(own, before, undefined, service)
    if (other) return failed(other)
    if (found.value.length === 0) return ok({ message: 'was not running' })
    const running = own.filter(({ status }) => status === 'running' || status === 'restarting' || status === 'paused')
    if (running.length > 0) {
      // Each with the grace that its Compose file says; KILL comes from the engine.
      const stopped = await engine.checked(['stop', ...running.map(({ id }) => id)], { signal, timeoutMs: 15 * 60_000 })
      if (!stopped.ok) return stopped
    }
    const removed = await remove(docker, found.value, signal)
    if (!removed.ok) return removed
    const projects = [...new Set(found.value.map(({ project }) => project))].filter(Boolean)
    for (const project of projects) {
      const networks = await engine.checked(
        ['network', 'ls', '--quiet', '--filter', `label=${label.project}=${project}`],
        { signal },
      )
      if (!networks.ok) return networks
      const ids = networks.value.split('\n').filter(Boolean)
      // Somebody may have joined it by hand; then it stays, and `cleanup` says so.
      if (ids.length > 0) await engine.run(['network', 'rm', ...ids], { signal })
    }
    return ok({})
  },

  async check({ data: { service } }) {
    const found = await serviceContainers(docker, service)
    if (!found.ok) return 'unknown'
    return found.value.length === 0 ? 'done' : 'pending'
  },
})
