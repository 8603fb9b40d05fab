/**
 * A small runner for the tests to kill: starts the processes that its argument describes, prints a line of JSON for each (and for each watchdog), and then waits.
 * With `"signals": true` it ends them on INT, TERM and HUP, and exits with the status for it.
 */
import { runCommand } from '../../../lib/system/command.ts'
import { type RunningProcess, startProcess } from '../../../lib/system/processes.ts'
import { onTermination } from '../../../lib/system/signals.ts'
import { runnerWatchdog } from '../../../lib/system/watchdog.ts'

/** What the runner is told to do. */
export type RunnerTask = {
  processes: { argv: [string, ...string[]]; graceMs?: number; stopTarget?: 'group' | 'leader'; stopSignal?: string }[]
  /** One-shot commands that are begun and not waited for. */
  commands?: [string, ...string[]][]
  signals?: boolean
  /** End in the ordinary way after the start. */
  stopAll?: boolean
}

const told = JSON.parse(process.argv[2] as string) as RunnerTask
const watch = told.signals ? onTermination() : undefined
const say = (line: unknown) => process.stdout.write(`${JSON.stringify(line)}\n`)

const running: RunningProcess[] = []
for (const { stopSignal, ...options } of told.processes) {
  const started = await startProcess({
    ...options,
    stdout: 'inherit',
    ...(stopSignal && { stopSignal: stopSignal as NodeJS.Signals }),
    ...(watch && { signal: watch.signal }),
  })
  if (!started.ok) throw new Error(JSON.stringify(started.failures))
  running.push(started.value)
  say({ pid: started.value.pid })
}
for (const argv of told.commands ?? []) void runCommand(argv)
let watchdog = runnerWatchdog().pid
say({ watchdog })

if (told.stopAll) {
  await Promise.all(running.map((one) => one.stop()))
} else {
  const alive = setInterval(() => {
    const { pid } = runnerWatchdog()
    if (pid === undefined || pid === watchdog) return
    watchdog = pid
    say({ watchdog })
  }, 10)
  watch?.signal.addEventListener('abort', async () => {
    await Promise.all(running.map((one) => one.stop()))
    clearInterval(alive)
    process.exitCode = watch.termination()?.exitCode
  })
}
