import { isTerminalLent } from './lent-terminal.ts'
import { killEveryGroupNow } from './watchdog.ts'

/** A signal that asks this process to end, and the status it then ends with: 128 + the signal's number. */
export type Termination = {
  signal: 'SIGINT' | 'SIGTERM' | 'SIGHUP'
  exitCode: 129 | 130 | 143
}

const terminations: Termination[] = [
  { signal: 'SIGINT', exitCode: 130 },
  { signal: 'SIGTERM', exitCode: 143 },
  { signal: 'SIGHUP', exitCode: 129 },
]

/** What `onTermination` gives. */
export type TerminationWatch = {
  /** Aborted by the first signal; its reason is the `Termination`. */
  signal: AbortSignal
  /** The signal that came, if one has. */
  termination(): Termination | undefined
  /** Takes the listeners away again. */
  dispose(): void
}

/**
 * Turns INT, TERM and HUP into an abort: the first one calls the handler, once, and aborts the signal; the caller ends what it has
 * begun and exits with `exitCode`. A second INT means "at once": every child is killed and this process dies of the signal (so that a
 * calling shell sees 130); later TERM and HUP change nothing. While a program has the terminal, INT is that program's, and does nothing here.
 */
export function onTermination(handler: (termination: Termination) => void = () => {}): TerminationWatch {
  const controller = new AbortController()
  let first: Termination | undefined
  const receive = (termination: Termination) => {
    if (first === undefined && termination.signal === 'SIGINT' && isTerminalLent()) return
    if (first === undefined) {
      first = termination
      controller.abort(termination)
      handler(termination)
    } else if (termination.signal === 'SIGINT') endAtOnce()
  }
  const listeners = terminations.map((termination) => ({
    signal: termination.signal,
    listener: () => receive(termination),
  }))
  for (const { signal, listener } of listeners) process.on(signal, listener)
  return {
    signal: controller.signal,
    termination: () => first,
    dispose() {
      for (const { signal, listener } of listeners) process.off(signal, listener)
    },
  }
}

/** Not process.exit: what is half done in exit hooks would still run, and the caller could not tell it from an ordinary end. */
function endAtOnce(): void {
  killEveryGroupNow()
  process.removeAllListeners('SIGINT')
  process.kill(process.pid, 'SIGINT')
}
