import type { Failure } from '../../model/failure.ts'
import type { Recovered } from './supervisor/protocol.ts'
import type { SupervisorRecord } from './supervisor/server.ts'

/** What is said of a service that a dead supervisor had. */
export function recoveredText({ environment, service, ended, left, otherBoot }: Recovered): string {
  if (otherBoot) return `${service} (${environment}) ended when the machine was started anew`
  const rest = left.length > 0 ? `; pid ${left.join(', ')} could not be ended` : ''
  const what =
    ended > 0 ? `was left running by a supervisor that died, and was ended` : 'ended with a supervisor that died'
  return `${service} (${environment}) ${what}${rest}`
}

/** The supervisor has ended while it was talked to. */
export const connectionLost: Failure = {
  code: 'supervisor-connection-lost',
  message: 'the supervisor of the local services has ended',
  next: ['task services status', 'task services up'],
}

/** A request was given up. */
export const abortedRequest = (method: string): Failure => ({
  code: 'aborted',
  message: `the request ${method} to the supervisor was given up, because the command was interrupted`,
})

/** The supervisor lives, and does not answer. */
export const supervisorSilent = ({ identity }: SupervisorRecord, ms: number): Failure => ({
  code: 'supervisor-silent',
  message: `the supervisor of the local services (pid ${identity.pid}) lives, but has not answered for ${ms / 1000}s`,
  why: 'it may be stopped (SIGSTOP), or the machine is overloaded',
  next: [`kill -CONT ${identity.pid}`, `kill -9 ${identity.pid}   # its services end with it`],
})

/** The supervisor lives, and its socket cannot be opened. */
export const notReachable = ({ identity, socket }: SupervisorRecord, code: string): Failure => ({
  code: 'supervisor-not-reachable',
  message: `the supervisor of the local services (pid ${identity.pid}) cannot be reached`,
  why: code === 'EACCES' ? 'it was started by another user' : code,
  place: { file: socket },
  next: [`ps -o user= -p ${identity.pid}   # run the command as that user`],
})

/** Somebody else has the workspace, whom nobody here can reach. */
export const supervisorElsewhere = (host: string): Failure => ({
  code: 'supervisor-elsewhere',
  message: `the local services of this workspace are run by a supervisor on ${host}, which cannot be reached from here`,
  why: 'that is another container, or another machine that shares the folder; two at once would destroy their data',
  next: [`task services down   # on ${host}`, 'or work in a clone of your own'],
  outcome: 'unchanged',
})

/** The supervisor speaks a later version. */
export const newerSupervisor = ({ identity }: SupervisorRecord): Failure => ({
  code: 'supervisor-newer',
  message: `the supervisor of the local services (pid ${identity.pid}) is of a newer version of vital-ops than this command`,
  next: ['npm install'],
  outcome: 'unchanged',
})
