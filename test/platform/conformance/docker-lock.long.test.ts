import { randomBytes } from 'node:crypto'
import { dockerEngine } from '../../../lib/platform/docker/engine.ts'
import { Tickets } from '../../../lib/platform/docker/lock-tickets.ts'
import { engine } from '../../support/docker.ts'
import { conformLocks } from './locks.ts'

conformLocks('docker', async () => {
  const { host, docker } = await engine()
  const workspaceId = `vol-${randomBytes(4).toString('hex')}`
  const ticketsOf = (environment: string) =>
    new Tickets(dockerEngine({ host }), { workspaceName: 'locks', workspaceId, environment })
  return {
    place: { platform: 'docker', host, workspaceId },
    other: { platform: 'docker', host, workspaceId: `${workspaceId}-b` },
    shortMs: 3000,
    async hold(environment, { holder, standing, ttlMs, at }) {
      const tickets = ticketsOf(environment)
      const { id } = await tickets.take({ mode: 'exclusive', holder, standing, ttlMs })
      const beat = (number: number) => tickets.writeBeat(id, { beat: number, ttlMs, monotonicMs: 1, at })
      await beat(1)
      if (!(await tickets.grant(id))) throw new Error('not granted')
      return beat
    },
    async destroy(environment) {
      for (const { id } of await ticketsOf(environment).scan()) await docker(['rm', '--force', id])
    },
    queue: async (environment) => (await ticketsOf(environment).scan()).length,
    chanceMs: 10_000,
    races: 200,
    crowd: 4,
    async end() {
      const ids = (await docker(['ps', '--all', '--quiet', '--filter', 'label=vital-ops.role=lock'])).split('\n')
      for (const id of ids.filter(Boolean)) {
        const name = await docker(['container', 'inspect', '--format', '{{.Name}}', id]).catch(() => '')
        if (name.includes(workspaceId)) await docker(['rm', '--force', id])
      }
    },
  }
})
