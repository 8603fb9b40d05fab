import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { processesWith, startTask, until } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `
import { task } from 'vital-ops'
const tree = 'echo ready; (trap "" HUP INT; sleep 600 & sleep 600) & setsid sleep 600 & sleep 600'
export const slow = task({ run: async ({ $ }) => void (await $({ prefix: '' })\`sh -c \${tree}\`) })
export const stubborn = task({ run: async ({ $ }) => void (await $\`trap '' TERM INT; echo ready; while :; do sleep 1; done\`) })
export const bad = task({ run: async ({ $, signal }) => {
  await $\`while [ ! -e \${process.env.GO} ]; do sleep 0.05; done; exit 5\`
} })
export const both = task({ needs: { slow, bad }, run() {} })
export const cleans = task({ run: async ({ $, log }) => { try { await $\`echo ready; sleep 600\` } finally { log('cleaned up') } } })
`,
})

let count = 0
const newMark = (): string => `mark-${process.pid}-${Date.now()}-${++count}`
const gone = (mark: string) =>
  until(async () => (await processesWith(mark)).length === 0, { what: 'every process of the task to be gone' })

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const) {
  test(`trap 9: ${signal} ends the whole tree, exit status ${status}`, async () => {
    const mark = newMark()
    const running = startTask(['slow'], { cwd: folder, env: { MARK: mark } })
    await until(() => running.stdout().includes('ready'), { what: 'the task to be ready' })
    process.kill(running.pid, signal)
    const ended = await running.ended
    assert.equal([ended.status, ended.signal], [status, null])
    assert.match(ended.stderr, new RegExp(`error: \\w+ by ${signal}\\n$`))
    assert.equal(await processesWith(mark), [])
  })
}

test('a task that is told to end can clean up', async () => {
  const running = startTask(['cleans'], { cwd: folder })
  await until(() => running.stdout().includes('ready'), { what: 'the task to be ready' })
  process.kill(running.pid, 'SIGTERM')
  const ended = await running.ended
  assert.is(ended.status, 143)
  assert.match(ended.stderr, /cleaned up\n/)
})

test('trap 9: a second Ctrl-C ends at once', async () => {
  const mark = newMark()
  const running = startTask(['stubborn'], { cwd: folder, env: { MARK: mark } })
  await until(() => running.stdout().includes('ready'), { what: 'the task to be ready' })
  process.kill(running.pid, 'SIGINT')
  const isGone = () => running.child.exitCode !== null || running.child.signalCode !== null
  await until(
    () => {
      if (!isGone()) running.child.kill('SIGINT')
      return isGone()
    },
    { what: 'the command to be gone', deadline: 9000 },
  )
  const ended = await running.ended
  assert.ok(ended.signal === 'SIGINT' || ended.status === 130)
  await gone(mark)
})

test('trap 10: kill -9 of the runner leaves no orphan', async () => {
  const mark = newMark()
  const running = startTask(['slow'], { cwd: folder, env: { MARK: mark } })
  await until(() => running.stdout().includes('ready'), { what: 'the task to be ready' })
  process.kill(running.pid, 'SIGKILL')
  await running.ended
  await gone(mark)
})

test('trap 11: when one of two parallel tasks fails, the other’s whole tree is ended, and waited for', async () => {
  const mark = newMark()
  const go = `${folder}/go-${mark}`
  const running = startTask(['both'], { cwd: folder, env: { MARK: mark, GO: go } })
  await until(() => running.stdout().includes('ready'), { what: 'the slow task to be ready' })
  const { writeFileSync } = await import('node:fs')
  writeFileSync(go, '')
  const ended = await running.ended
  assert.is(ended.status, 5)
  assert.match(ended.stderr, /error: task bad: .* ended with status 5/)
  assert.equal(await processesWith(mark), [])
})

test.run()
