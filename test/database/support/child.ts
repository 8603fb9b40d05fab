import { type Running, start } from '../../support/index.ts'
import { migrate, type Target } from './migrator.ts'

const variable = 'TEST_MIGRATOR_TARGET'

/** Whether this process is a migrator that a test has started (it runs the same file). */
export const isMigrator = process.env[variable] !== undefined

/** Starts a migrator in a process of its own, to be killed. `file` is the test file itself: `import.meta.url`. */
export function startMigrator(file: string, target: Target): Running {
  return start([process.execPath, new URL(file).pathname], { env: { [variable]: JSON.stringify(target) } })
}

/** What such a migrator does: it applies the target's migrations, says how it went, and ends. */
export async function runMigrator(): Promise<void> {
  const target = JSON.parse(process.env[variable] ?? '{}') as Target
  const result = await migrate(target, { output: (line) => process.stdout.write(`${line}\n`) })
  process.stdout.write(`${JSON.stringify(result)}\n`)
  process.exitCode = result.ok ? 0 : 1
}
