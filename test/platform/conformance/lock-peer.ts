import { closeSync, existsSync, openSync, unlinkSync } from 'node:fs'
import { createInterface } from 'node:readline'
import type { Lease } from '../../../lib/model/platform.ts'
import { type LockPlace, lockAt } from './lock-place.ts'

/**
 * A process that takes locks as it is told: one JSON command a line on its input, one JSON answer a line on its output.
 * `acquire` (environment, mode, ttlMs), `prove` (needMs), `release`, `witness` (path: makes a file that must not be there yet, and
 * removes it). When a lease is lost it says so unasked. Its argument: where the locks are, as JSON.
 */
const place = JSON.parse(process.argv[2] as string) as LockPlace
let lease: Lease | undefined
const say = (answer: object) => process.stdout.write(`${JSON.stringify(answer)}\n`)

type Command = {
  do: string
  environment: string
  mode?: 'exclusive' | 'shared'
  ttlMs?: number
  needMs?: number
  path?: string
}

async function obey(command: Command): Promise<object> {
  switch (command.do) {
    case 'acquire': {
      const lock = lockAt(place, command.environment, {
        say: (text) => say({ said: text }),
        ...(command.ttlMs ? { ttlMs: command.ttlMs } : {}),
      })
      const result = await lock.acquire({
        mode: command.mode ?? 'exclusive',
        run: `run-${process.pid}`,
        purpose: 'deploy v1.4',
        signal: new AbortController().signal,
      })
      if (!result.ok) return { acquired: false, failure: result.failures[0] }
      lease = result.value.lease
      lease.lost.addEventListener('abort', () => say({ lost: true }))
      return { acquired: true, takenFrom: result.value.takenFrom }
    }
    case 'prove':
      return { proved: await lease?.prove(command.needMs ?? 0) }
    case 'release':
      await lease?.release()
      return { released: true }
    case 'witness':
      return witness(command.path as string)
    default:
      return { unknown: command.do }
  }
}

function witness(path: string): object {
  try {
    closeSync(openSync(path, 'wx'))
  } catch {
    return { alone: false }
  }
  unlinkSync(path)
  return { alone: !existsSync(path) }
}

for await (const line of createInterface({ input: process.stdin })) say(await obey(JSON.parse(line) as Command))
