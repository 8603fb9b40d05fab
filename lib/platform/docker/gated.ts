import type { GatedProcess } from '../local/gate.ts'
import type { Container } from './containers.ts'
import { endText } from './state.ts'

/** After so many restarts without anybody's help it is a crash loop, which no gate waits for. */
const crashLoopRestarts = 2

/** What a service's containers say to a gate, all of them: each replica, and what its Compose file has beside. */
export function gatedContainers(own: Container[]): GatedProcess {
  if (own.length === 0) return { kind: 'dead', cause: 'it was not started' }
  const several = own.length > 1
  const states = own.map((container) => {
    const state = gatedContainer(container)
    return several && 'cause' in state ? { ...state, cause: `${container.name}: ${state.cause}` } : state
  })
  const dead = states.find(({ kind }) => kind === 'dead')
  if (dead) return dead
  const restarting = states.find(({ kind }) => kind === 'restarting')
  if (restarting) return restarting
  if (states.every(({ kind }) => kind === 'finished')) return { kind: 'finished' }
  return { kind: 'alive', instance: own.map(({ id, startedAt }) => `${id} ${startedAt}`).join(' ') }
}

function gatedContainer(container: Container): GatedProcess {
  const { status, restarts, exitCode, oomKilled, oneShot, health, healthOutput, error } = container
  if (oomKilled && status !== 'running') return { kind: 'dead', cause: endText(container) }
  if (restarts >= crashLoopRestarts) {
    return { kind: 'dead', cause: `crash loop: ${lastEnd(container)}, restarted ${restarts} times` }
  }
  switch (status) {
    case 'restarting':
      return { kind: 'restarting', cause: endText(container) }
    case 'exited':
    case 'dead':
      if (exitCode !== 0) return { kind: 'dead', cause: `its process ${endText(container)}` }
      return oneShot
        ? { kind: 'finished' }
        : { kind: 'dead', cause: 'its process ended with status 0 (docker.oneShot says that it is to)' }
    case 'created':
      return { kind: 'dead', cause: error === '' ? 'it was not started' : error }
    case 'paused':
    case 'removing':
      return { kind: 'restarting', cause: `the engine says ${status}` }
  }
  if (health !== 'unhealthy') return { kind: 'alive', instance: `${container.id} ${container.startedAt}` }
  return { kind: 'dead', cause: `unhealthy${healthOutput === undefined ? '' : `: ${lastLine(healthOutput)}`}` }
}

/** While it runs again, the engine has forgotten how it ended before. */
const lastEnd = (container: Container): string => (container.status === 'running' ? 'it ended' : endText(container))

const lastLine = (text: string): string => text.split('\n').at(-1) ?? ''

/** What the health checks of a service's containers say; undefined where none has one. A check that failed once since is no pass. */
export function ownHealth(own: Container[]): { passed: boolean; message: string } | undefined {
  const checked = own.filter(({ health, status }) => health !== undefined && status === 'running')
  if (checked.length === 0) return undefined
  const late = checked.find(({ health }) => health !== 'healthy')
  if (!late) {
    const failing = checked.find(({ failingStreak }) => failingStreak > 0)
    return failing
      ? { passed: false, message: `its health check fails now and then: ${lastLine(failing.healthOutput ?? '')}` }
      : { passed: true, message: 'healthy' }
  }
  const said = late.healthOutput === undefined ? '' : `: ${lastLine(late.healthOutput)}`
  return { passed: false, message: `its health check says ${late.health}${late.failingStreak > 0 ? said : ''}` }
}
