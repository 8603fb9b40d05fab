import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { startProcess } from '../../system/processes.ts'
import type { Kubectl } from './kubectl.ts'

/** Where a forwarded port leads: `service/postgres`, or a workload, and its port. */
export type ForwardTarget = { namespace: string; resource: string; port: number }

/** A `kubectl port-forward` that runs. */
export type PortForward = {
  /** On this machine's loopback. */
  port: number
  hasEnded(): boolean
  readonly ended: Promise<void>
  stop(): Promise<void>
}

/** How long one may take until it forwards; a pod must run by then. */
const startMs = 30_000
/** How long kubectl waits for a pod that does not run yet. */
const podTimeout = '--pod-running-timeout=10s'

/** The command, without the context: to the local port, or to any that is free. */
export const forwardArguments = ({ namespace, resource, port }: ForwardTarget, local?: number): string[] => [
  'port-forward',
  '--namespace',
  namespace,
  resource,
  `${local ?? ''}:${port}`,
]

/**
 * Starts one and waits until it forwards, from a port that kubectl chooses. It is in a process group of its own that ends with this process. Failures:
 * `not-reachable` with what kubectl said, and those of starting it.
 */
export async function startPortForward(kubectl: Kubectl, target: ForwardTarget): Promise<Result<PortForward>> {
  const said: string[] = []
  let heard: (port: number) => void = () => {}
  const listening = new Promise<number>((resolve) => {
    heard = resolve
  })
  let printed = ''
  const started = await startProcess({
    argv: kubectl.argv([...forwardArguments(target), '--address', '127.0.0.1', podTimeout]),
    stdout(chunk) {
      if (printed.length > 4096) return
      printed += chunk
      const port = /^Forwarding from 127\.0\.0\.1:(\d+) ->/m.exec(printed)?.[1]
      if (port !== undefined) heard(Number(port))
    },
    stderr(chunk) {
      said.push(...chunk.toString().split('\n'))
      said.splice(0, said.length - 20)
    },
    graceMs: 1000,
  })
  if (!started.ok) return started
  const { exited, output, stop } = started.value
  let isOver = false
  const ended = exited.then(() => {
    isOver = true
  })
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), startMs)
  })
  const port = await Promise.race([listening, ended.then(() => undefined), late])
  clearTimeout(timer)
  if (port === undefined) {
    await stop()
    await output.catch(() => {})
    return failed(notReachable(target, said))
  }
  output.catch(() => {})
  return ok({ port, hasEnded: () => isOver, ended, stop: async () => void (await stop()) })
}

function notReachable(target: ForwardTarget, said: readonly string[]): Failure {
  const why = said.findLast((line) => /^(error|Error)/.test(line)) ?? said.findLast((line) => line.trim() !== '')
  return {
    code: 'not-reachable',
    message: `${target.resource} in the namespace ${target.namespace} cannot be reached: kubectl forwards no port ${target.port}`,
    why: why?.replace(/^(error: |Error from server( \(\w+\))?: )/i, '') ?? `nothing was heard for ${startMs / 1000} s`,
    next: [`kubectl ${forwardArguments(target, target.port).join(' ')}`, `kubectl get pods -n ${target.namespace}`],
    outcome: 'unchanged',
  }
}
