import { randomBytes } from 'node:crypto'
import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { errorCode } from '../../system/files.ts'

/** The name under which something is made before it gets its own: `.postgres-17.<pid>-<random>`. The pid tells whether its maker lives. */
export const temporaryName = (name: string): string => `.${name}.${process.pid}-${randomBytes(6).toString('hex')}`

/** Removes what makers that were killed have left in a folder under such names. */
export async function removeLeftovers(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const [, pid] = /^\.postgres-.+\.(\d+)-[0-9a-f]{12}$/.exec(name) ?? []
    if (pid === undefined || isRunning(Number(pid))) continue
    await rm(join(folder, name), { recursive: true, force: true })
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return errorCode(error) === 'EPERM'
  }
}
