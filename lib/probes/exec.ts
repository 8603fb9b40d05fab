import { startProcess } from '../system/processes.ts'
import { notPassed, type ProbeRunner, passed } from './probe.ts'

/** How much of the output is kept for the message, in bytes. */
const tailLength = 4096

/**
 * Passes when a program ends with status 0. It runs in the service's folder with the service's environment, in a process group of its
 * own, of which nothing is left afterwards.
 */
export const exec: ProbeRunner<'exec'> = async (probe, { target, signal }) => {
  const [program] = probe.command
  let tail = Buffer.alloc(0)
  const keep = (chunk: Buffer) => {
    tail = Buffer.concat([tail, chunk]).subarray(-tailLength)
  }
  const started = await startProcess({
    argv: probe.command as [string, ...string[]],
    cwd: target.directory,
    // A service's environment need not name a PATH; without one, no program is found by its name.
    env: { PATH: process.env.PATH, ...target.environment },
    stdout: keep,
    stderr: keep,
  })
  if (!started.ok) {
    const [{ message, why }] = started.failures
    return notPassed(why === undefined ? message : `${message}: ${why}`)
  }
  // A deadline leaves no time for a grace.
  const kill = () => void started.value.stop({ signal: 'SIGKILL', graceMs: 0 }).catch(() => {})
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  const exit = await started.value.exited
  signal.removeEventListener('abort', kill)
  await started.value.stop({ signal: 'SIGKILL', graceMs: 0 })
  const said = lastLine(tail.toString('utf8'))
  if (exit.status === 0) return passed(`${program} ended with status 0`)
  const how = exit.signal ? `was ended by ${exit.signal}` : `ended with status ${exit.status}`
  return notPassed(`${program} ${how}${said === undefined ? '' : `: ${said}`}`)
}

function lastLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .at(-1)
}
