import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { type Running, repository, start } from '../../support/index.ts'
import { migrate, type Target } from './migrator.ts'

const variable = 'TEST_MIGRATOR_TARGET'

/** Whether this process is a migrator that a test has started (it runs the same file). */
export const isMigrator = process.env[variable] !== undefined

/** Starts a migrator in a process of its own, to be killed. `file` is the test file itself: `import.meta.url`. */
export function startMigrator(file: string, target: Target): Running {
  return start([process.execPath, new URL(file).pathname], { env: { [variable]: JSON.stringify(target) } })
}

/** Bundles the migrator alone; the path of the program. It stays in the repository, where its packages are found, until this process ends. */
export async function migratorProgram(): Promise<string> {
  const outfile = join(repository, `.cache/migrator-${process.pid}.mjs`)
  await build({
    stdin: {
      contents: `import { runMigrator } from './test/database/support/child.ts'\nawait runMigrator()\n`,
      resolveDir: repository,
    },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    packages: 'external',
    logLevel: 'error',
  })
  process.once('exit', () => rmSync(outfile, { force: true }))
  return pathToFileURL(outfile).href
}

/** What such a migrator does: it applies the target's migrations, says how it went, and ends. */
export async function runMigrator(): Promise<void> {
  const target = JSON.parse(process.env[variable] ?? '{}') as Target
  const result = await migrate(target, { output: (line) => process.stdout.write(`${line}\n`) })
  process.stdout.write(`${JSON.stringify(result)}\n`)
  process.exitCode = result.ok ? 0 : 1
}
