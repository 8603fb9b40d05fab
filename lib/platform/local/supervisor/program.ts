import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The file of a program that is started by its path: in dist/, where this code is too once it is built, or beside a folder above it. */
export function builtProgram(name: 'supervisor' | 'wal'): string {
  const file = `${name}.js`
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const path = basename(folder) === 'dist' ? join(folder, file) : join(folder, 'dist', file)
    if (existsSync(path)) return path
  }
  throw new Error(`dist/${file} is missing: npm run build`)
}

/** The file of the supervisor's program. */
export const supervisorProgram = (): string => builtProgram('supervisor')
