/**
 * Starts one process and is killed with KILL, by a thread of its own, a given number of microseconds after it began to: so the blow
 * falls anywhere between the fork and the moment when the program runs, whatever the main thread does just then.
 */
import { Worker } from 'node:worker_threads'
import { runCommand } from '../../../lib/system/command.ts'
import { startProcess } from '../../../lib/system/processes.ts'
import { runnerWatchdog } from '../../../lib/system/watchdog.ts'

const [, , delay, how, mark] = process.argv as [string, string, string, 'process' | 'command', string]
const shared = new Int32Array(new SharedArrayBuffer(4))
const code = `
  const { workerData } = require('node:worker_threads')
  Atomics.store(workerData.shared, 0, 1)
  Atomics.notify(workerData.shared, 0)
  Atomics.wait(workerData.shared, 0, 1)
  const end = process.hrtime.bigint() + BigInt(workerData.delay) * 1000n
  while (process.hrtime.bigint() < end) {}
  process.kill(process.pid, 'SIGKILL')
`
new Worker(code, { eval: true, workerData: { shared, delay: Number(delay) } })
Atomics.wait(shared, 0, 0)
// Everything that is loaded or started once is there before the blow can fall: the window is what is to be hit.
await runCommand(['true'])
const argv: [string, ...string[]] = [
  'sh',
  '-c',
  `: >"$1"; trap '' INT; sleep 600 & setsid sleep 600 & wait`,
  'sh',
  mark,
]
process.stdout.write(`${runnerWatchdog().pid}\n`)
Atomics.store(shared, 0, 2)
Atomics.notify(shared, 0)
if (how === 'process') await startProcess({ argv, graceMs: 200 })
else void runCommand(argv, { graceMs: 200 })
setInterval(() => {}, 1000)
