/** Starts a daemon that logs to the file that its argument names, says its greeting, and waits to be killed. */
import { unwrap } from '../../../lib/model/failure.ts'
import { startDaemon } from '../../../lib/system/daemon.ts'

const script = 'echo up >&2; echo "$$ $PWD" >&3; exec 3>&-; while :; do echo tick >&2; sleep 0.05; done'
const env = process.env as Record<string, string>
const log = process.argv[2] as string
const greeting = unwrap(await startDaemon({ argv: ['sh', '-c', script], env, log, timeoutMs: 10_000 }))
process.stdout.write(`${greeting}\n`)
setInterval(() => {}, 1000)
