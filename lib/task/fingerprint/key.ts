import { createHmac, randomBytes } from 'node:crypto'
import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Digests of values that may be secret, under a key that never leaves the workspace: `.ops/cache/key`, made when it is first needed. Without it,
 * a short secret could be found from its digest by trying.
 */
export function keyedDigest(workspace: string): (value: string) => string {
  let key: Buffer | undefined
  return (value) => {
    key ??= readKey(workspace)
    return createHmac('sha256', key).update(value).digest('hex').slice(0, 32)
  }
}

function readKey(workspace: string): Buffer {
  const folder = join(workspace, '.ops', 'cache')
  const path = join(folder, 'key')
  const known = readQuietly(path)
  if (known !== undefined) return known
  mkdirSync(folder, { recursive: true })
  const temporary = `${path}.${process.pid}`
  rmSync(temporary, { force: true })
  writeFileSync(temporary, randomBytes(32), { mode: 0o600 })
  try {
    // Of two that make one at once, the first wins.
    linkSync(temporary, path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    if (readQuietly(path) === undefined) writeFileSync(path, randomBytes(32), { mode: 0o600 })
  } finally {
    rmSync(temporary, { force: true })
  }
  return readFileSync(path)
}

function readQuietly(path: string): Buffer | undefined {
  try {
    const key = readFileSync(path)
    return key.length === 32 ? key : undefined
  } catch {
    return undefined
  }
}
