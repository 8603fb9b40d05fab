import { writeSync } from 'node:fs'
import { Secret } from '../../model/secret.ts'
import { openTarget } from '../targets/index.ts'
import { type Handed, handedVariable } from './handed.ts'
import { receiveWal } from './receiver.ts'

/*
 * The program of dist/wal.js, which the supervisor keeps running: it receives the WAL of one server until it is told to end. Its lines go to the log.
 */
const handed = JSON.parse(process.env[handedVariable] ?? 'null') as Handed | null
if (handed === null) throw new Error(`${handedVariable} is not set`)
// What it starts is not to inherit it.
delete process.env[handedVariable]
const ending = new AbortController()
for (const name of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(name, () => ending.abort())

const { address, folder, secrets, service } = handed
await receiveWal(
  {
    ...handed,
    address: {
      ...address,
      password: new Secret(`administrator of ${service}`, address.password),
      database: 'postgres',
      applicationName: 'vital-ops/wal',
    },
    targets: handed.targets.map((target) =>
      openTarget(target, {
        folder,
        secrets: {
          find: ({ secret, digest }) => {
            const value = secrets[digest]
            return value === undefined ? undefined : new Secret(secret, value)
          },
        },
      }),
    ),
    output: (line) => {
      writeSync(1, `${line}\n`)
    },
  },
  ending.signal,
)
