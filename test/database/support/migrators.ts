import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { build } from 'esbuild'
import { repository } from '../../support/index.ts'
import { migrate, type Target } from './migrator.ts'

/**
 * Bundles a migrator alone with all that it imports, which halves the time in which it starts; the path of the program. It stays in the repository, where the
 * parser is found, until this process ends.
 */
export async function migratorProgram(): Promise<string> {
  const outfile = join(repository, `.cache/migrator-${process.pid}.cjs`)
  await build({
    stdin: {
      contents: `import { serveMigrations } from './test/database/support/migrators.ts'\nvoid serveMigrations()\n`,
      resolveDir: repository,
    },
    outfile,
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node20',
    external: ['pg-native', 'libpg-query', 'esbuild'],
    banner: { js: `const moduleUrl = require('node:url').pathToFileURL(__filename).href` },
    define: { 'import.meta.url': 'moduleUrl' },
    minify: true,
    logLevel: 'error',
  })
  process.once('exit', () => rmSync(outfile, { force: true }))
  return outfile
}

/** What such a migrator does: for each target that comes in it applies the migrations and says how it went. It ends with its input. */
export async function serveMigrations(): Promise<void> {
  for await (const line of createInterface({ input: process.stdin })) {
    const result = await migrate(JSON.parse(line) as Target)
    process.stdout.write(`${JSON.stringify(result)}\n`)
  }
}

/** How a migrator's part in a race ended: with a result, by a signal, or in a way that it must not. */
export type Part = { ok: boolean; killed: boolean; said: string }

/** A migrator in a process of its own, which takes part in one race after the other until it is killed. */
export class Migrator {
  readonly child: ChildProcessWithoutNullStreams
  #said = ''
  #errors = ''
  #gone: string | undefined
  #look: () => void = () => {}

  constructor(program: string) {
    this.child = spawn(process.execPath, [program], { stdio: 'pipe', cwd: repository })
    this.child.stdin.on('error', () => {})
    this.child.stdout.on('data', (chunk: Buffer) => {
      this.#said += chunk.toString()
      this.#look()
    })
    this.child.stderr.on('data', (chunk: Buffer) => {
      this.#errors += chunk.toString()
    })
    this.child.on('close', (status, signal) => {
      this.#gone = signal ?? String(status)
      this.#look()
    })
  }

  /** Whether it is in the middle of a race. */
  races = false

  /** Whether it can take part in another one. */
  get lives(): boolean {
    return this.#gone === undefined
  }

  /** Applies the migrations of a target. */
  async race(target: Target): Promise<Part> {
    this.#said = ''
    this.races = true
    const part = await this.#ended(target)
    this.races = false
    return part
  }

  async #ended(target: Target): Promise<Part> {
    this.child.stdin.write(`${JSON.stringify(target)}\n`)
    for (;;) {
      const line = this.#said.includes('\n') ? this.#said : undefined
      if (line?.startsWith('{"ok":')) return { ok: line.startsWith('{"ok":true'), killed: false, said: line }
      if (this.#gone !== undefined)
        return { ok: false, killed: this.#gone === 'SIGKILL', said: `${this.#gone}: ${this.#said}${this.#errors}` }
      await new Promise<void>((resolve) => {
        this.#look = resolve
      })
    }
  }
}
