import { connect } from 'node:net'
import { resolvePort } from './address.ts'
import { notPassed, type ProbeRunner, passed, type Verdict } from './probe.ts'
import { connectionProblem, hostPort } from './text.ts'

/** Passes when something accepts a connection on the port. */
export const tcp: ProbeRunner<'tcp'> = (probe, { target, signal }) => {
  const host = probe.host ?? target.host
  const port = resolvePort(probe.port, target)
  const address = hostPort(host, port)
  return new Promise<Verdict>((resolve) => {
    const socket = connect({ host, port, signal })
    socket.once('connect', () => {
      resolve(passed(`accepts connections on ${address}`))
      socket.destroy()
    })
    socket.once('error', (error) => resolve(notPassed(connectionProblem(error, address))))
  })
}
