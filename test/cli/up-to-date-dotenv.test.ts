import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTask, task, until } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `
import { appendFileSync } from 'node:fs'
import { task } from 'vital-ops'
const ran = (text: string) => appendFileSync('log', text + '\\n')
export const show = task({
  inputs: ['src/**'], outputs: ['out/**'], dotenv: ['env/{a}.env', '.env.local'],
  async run({ $, env }) { ran('show ' + env.GREETING); await $\`mkdir -p out; echo $GREETING > out/greeting\` },
})
export const plain = task({ inputs: ['src/**'], run() { ran('plain') } })
export const tidy = task({ inputs: ['tidy/**'], run() { ran('tidy') } })
export const work = task({ finally: { tidy }, run() { ran('work') } })
export const fails = task({ finally: { tidy }, run() { ran('fails'); throw new Error('it fails') } })
export const serve = task({ dotenv: ['.env'], async run({ env }) { ran('serve ' + env.GREETING) } })
`

const files = {
  'Taskfile.ts': taskfile,
  'src/a.txt': 'a\n',
  'tidy/t.txt': 't\n',
  'env/{a}.env': 'GREETING=hello\nPASSWORD=hunter2hunter2\n',
  '.env': 'GREETING=one\n',
}

function world() {
  const folder = folderWith(files)
  const at = (path: string) => join(folder, path)
  const log = () => (existsSync(at('log')) ? readFileSync(at('log'), 'utf8').trimEnd().split('\n') : [])
  const run = async (...words: string[]) => {
    const before = log().length
    const { status, stdout, stderr } = await task(words, { cwd: folder })
    return { status, stdout, stderr, log: log().slice(before) }
  }
  return { folder, at, log, run }
}

test('what dotenv files say belongs to the fingerprint; where they are not, that they are not', async () => {
  const { at, run } = world()
  assert.equal((await run('show')).log, ['show hello'])
  assert.equal((await run('show')).log, [])
  writeFileSync(at('env/{a}.env'), 'GREETING=goodbye\nPASSWORD=hunter2hunter2\n')
  const why = await run('--why', 'show')
  assert.match(why.stdout, /variable GREETING of its dotenv files changed/)
  assert.equal((await run('show')).log, ['show goodbye'])
  assert.is(readFileSync(at('out/greeting'), 'utf8'), 'goodbye\n')
  // Another variable, which no name in the definition tells of; its value stands nowhere.
  writeFileSync(at('.env.local'), 'TOKEN=s3cr3t-and-long\n')
  assert.equal((await run('show')).log, ['show goodbye'])
  assert.equal((await run('show')).log, [])
  // A comment is no change.
  writeFileSync(at('.env.local'), '# a comment\nTOKEN=s3cr3t-and-long\n')
  assert.equal((await run('show')).log, [])
  // As it was the first time: from the cache.
  rmSync(at('.env.local'))
  writeFileSync(at('env/{a}.env'), files['env/{a}.env'])
  assert.equal((await run('show')).log, [])
  assert.is(readFileSync(at('out/greeting'), 'utf8'), 'hello\n')
})

test('tasks without dotenv files have nothing to do with them', async () => {
  const { at, run } = world()
  assert.equal((await run('plain')).log, ['plain'])
  writeFileSync(at('.env'), 'GREETING=two\n')
  assert.equal((await run('plain')).log, [])
})

test('a finally task with inputs is skipped while they are as they were, also after a failure', async () => {
  const { at, run } = world()
  assert.equal((await run('work')).log, ['work', 'tidy'])
  const again = await run('work')
  assert.equal(again.log, ['work'])
  assert.match(again.stderr, /tidy │ ✔ up to date/)
  const failed = await run('fails')
  assert.is(failed.status, 1)
  assert.equal(failed.log, ['fails'])
  writeFileSync(at('tidy/t.txt'), 'other\n')
  const changed = await run('fails')
  assert.is(changed.status, 1)
  assert.equal(changed.log, ['fails', 'tidy'])
  assert.equal((await run('tidy')).log, [])
})

test('--watch runs a task again when one of its dotenv files changes, comes, or goes', async () => {
  const { at, folder, log } = world()
  const watching = startTask(['--watch', 'serve'], { cwd: folder, timeout: 100_000 })
  const settled = async (count: number, last: string) => {
    const isSo = () => log().at(-1) === last && (watching.stderr().match(/waiting for changes/g)?.length ?? 0) >= count
    await until(isSo, { what: `${last} as the last of ${log().join(', ')}`, deadline: 60_000 }).catch(
      (error: Error) => {
        throw new Error(`${error.message}\n${log().join(', ')}\n${watching.stderr()}`)
      },
    )
  }
  try {
    await settled(1, 'serve one')
    writeFileSync(at('.env'), 'GREETING=two\n')
    await settled(2, 'serve two')
    rmSync(at('.env'))
    await settled(3, 'serve undefined')
    writeFileSync(at('.env'), 'GREETING=three\n')
    await settled(4, 'serve three')
  } finally {
    watching.child.kill('SIGTERM')
    await watching.ended
  }
})

test.run()
