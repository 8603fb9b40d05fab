/** Starts a daemon that logs to the file that its argument names, says its identity, and waits to be killed. */
import { unwrap } from '../../../lib/model/failure.ts'
import { startDaemon } from '../../../lib/system/daemon.ts'

const script = 'echo out; echo err >&2; while :; do echo tick; sleep 0.05; done'
const daemon = unwrap(await startDaemon({ argv: ['sh', '-c', script], log: process.argv[2] as string }))
process.stdout.write(JSON.stringify(daemon))
setInterval(() => {}, 1000)
