import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Running, startTask, until } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

/** What a task appends to `log` says what ran, and when it was told to end. */
export const taskfile = `
import { appendFileSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { task } from 'vital-ops'
const say = (text: string) => appendFileSync('log', text + '\\n')
// In one step: who looks between the emptying of a file and its filling sees two changes.
const write = (path: string, text: string) => { writeFileSync('written', text); renameSync('written', path) }
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
export const base = task({ inputs: ['lib/**'], async run() { say('base') } })
export const build = task({ inputs: ['src/**', '!src/**/*.skip'], needs: { base }, async run() { say('build') } })
export const slow = task({ inputs: ['src/**'], async run({ signal }) {
  const waits = readFileSync('src/a.txt', 'utf8').startsWith('wait')
  signal.addEventListener('abort', () => say('told to end'))
  say('begin ' + process.pid)
  while (!signal.aborted && waits) await sleep(20)
  if (signal.aborted) { await sleep(300); say('end ' + process.pid); signal.throwIfAborted() }
  say('done ' + process.pid)
} })
export const misspelt = task({ inputs: ['src/@(a)'], async run() {} })
export const bare = task({ async run() {} })
export const formats = task({ inputs: ['src/**'], async run() {
  say('format')
  write('src/a.txt', readFileSync('src/a.txt', 'utf8').trim().toUpperCase() + '\\n')
} })
export const stamps = task({ inputs: ['src/**'], async run() { say('stamp'); write('src/stamp', String(process.hrtime.bigint())) } })
export const generates = task({ inputs: ['src/**'], outputs: ['src/generated/**'], async run({ $ }) {
  say('generate'); await $\`mkdir -p src/generated; date +%N > src/generated/now\`
} })
export const fails = task({ inputs: ['src/**'], async run({ $ }) { say('fails'); await $\`grep -q good src/a.txt\` } })
const serve = (name: string) => task({ persistent: true, inputs: [name + '/**'], async run({ $ }) {
  say(name + ' up')
  try { await $\`echo \${name} listens; exec sleep 600\` } finally { say(name + ' down') }
} })
export const server = serve('server')
export const web = serve('web')
export const styles = task({ inputs: ['styles/**'], async run() { say('styles') } })
const broken = task({ persistent: true, async run({ $ }) { await $\`exit 9\` } })
export const needsBroken = task({ needs: { broken }, async run({ signal }) {
  await new Promise((resolve) => { setTimeout(resolve, 60_000).unref(); setInterval(() => {}, 1000); signal.addEventListener('abort', resolve) })
} })
export const dev = task({ needs: { server, web, styles }, async run() { say('dev') } })
`

/** A process that watches, in a workspace of its own. */
export type Watched = {
  folder: string
  running: Running
  /** What ran, so far. */
  log(): string[]
  /** Waits until the log is this. */
  logs(...lines: string[]): Promise<void>
  /** Waits until it says so once more than when this was last called. */
  says(text: string): Promise<void>
  end(): Promise<void>
}

/** Starts `task --watch <name>`. */
export async function watching(
  name: string,
  options: { poll?: boolean; files?: Record<string, string> } = {},
): Promise<Watched> {
  const files = {
    'src/a.txt': 'a\n',
    'lib/l.txt': 'l\n',
    'server/s.txt': 's\n',
    'web/w.txt': 'w\n',
    'styles/x.css': 'x\n',
  }
  const folder = folderWith({ 'Taskfile.ts': taskfile, ...files, ...options.files })
  const running = startTask(['--watch', ...(options.poll ? ['--poll'] : []), name], { cwd: folder, timeout: 110_000 })
  const log = () => {
    const path = join(folder, 'log')
    return existsSync(path) ? readFileSync(path, 'utf8').trimEnd().split('\n') : []
  }
  let said = 0
  return {
    folder,
    running,
    log,
    async logs(...lines) {
      const what = `the log to be ${lines.join(', ')}`
      await until(() => log().join('|') === lines.join('|'), { what, deadline: 40_000 }).catch((error: Error) => {
        throw new Error(`${error.message}\nthe log: ${log().join(', ')}\n${running.stderr()}`)
      })
    },
    async says(text) {
      await until(
        () => {
          const at = running.stderr().indexOf(text, said)
          if (at < 0) return false
          said = at + text.length
          return true
        },
        { what: `it to say ${text}`, deadline: 40_000 },
      ).catch((error: Error) => {
        throw new Error(`${error.message}\n${running.stderr()}`)
      })
    },
    async end() {
      running.child.kill('SIGTERM')
      await running.ended
    },
  }
}
