import { existsSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The file of the supervisor's program: in dist/, where this code is too once it is built, or beside a folder above it. */
export function supervisorProgram(): string {
  for (let folder = dirname(fileURLToPath(import.meta.url)); folder !== dirname(folder); folder = dirname(folder)) {
    const path = basename(folder) === 'dist' ? join(folder, 'supervisor.js') : join(folder, 'dist', 'supervisor.js')
    if (existsSync(path)) return path
  }
  throw new Error('dist/supervisor.js is missing: npm run build')
}
