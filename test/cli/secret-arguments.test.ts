import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { startTask, task, until } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const secret = 'hunter2-swordfish'
const folder = folderWith({
  'in.txt': '',
  'Taskfile.ts': `import { choice, number, task, text } from 'vital-ops'
const notSo = { '~standard': { version: 1, vendor: 'test', validate: (value: unknown) => value === 'bad-${secret}' ? { issues: [{ message: 'not so' }] } : { value } } }
export const login = task({
  args: { apiToken: text().alias('t').schema(notSo as never), region: text().default('eu'), key: choice(['small', 'large']).default('small'), port: number().default(1) },
  run: async ({ args, $ }) => { if (args.region === 'wait') await $\`echo ready; sleep 600\` },
})
export const publish = task({
  needs: { one: login.with({ apiToken: '${secret}' }), two: login.with({ apiToken: '${secret}-2', region: 'us' }) },
  confirm: 'Really?', run() {},
})
export const bad = task({ needs: { login: login.with({ apiToken: 'bad-${secret}' }) }, run() {} })
export const held = task({ mutex: 'door', args: { password: text() }, run: async ({ $ }) => void (await $\`echo ready; sleep 600\`) })
export const build = task({ inputs: ['in.txt'], args: { token: text() }, run() {} })
`,
})
const at = (words: string[]) => task(words, { cwd: folder })

/** Nothing of what is said has the secret. */
async function silent(words: string[]): Promise<{ stdout: string; stderr: string; status: number | null }> {
  const ended = await at(words)
  assert.not.match(ended.stdout + ended.stderr, secret, words.join(' '))
  return ended
}

test('a plan shows no text that is called like a secret, and all else', async () => {
  const { stdout } = await silent(['--dry-run', 'publish'])
  assert.match(stdout, 'apiToken="…" region="eu" key="small" port=1')
  assert.match(stdout, /login +needed by publish|login region=us/)
  const { tasks } = JSON.parse((await silent(['--dry-run', '--json', 'publish'])).stdout)
  assert.is(tasks[0].arguments.apiToken, '…')
  assert.is(tasks[0].arguments.region, 'eu')
  await silent(['publish'])
  await silent(['--output=json', '--yes', 'publish'])
})

test('a graph shows none, and keeps apart what differs by one', async () => {
  for (const format of ['tree', 'mermaid', 'dot', 'svg', 'json']) {
    const { stdout, status } = await silent(['graph', 'publish', '--format', format])
    assert.is(status, 0, format)
    if (format === 'tree') assert.is(stdout.match(/apiToken: …/g)?.length, 2)
  }
})

test('neither does a message about its value', async () => {
  assert.match((await silent(['bad'])).stderr, 'not so')
  assert.match((await silent(['login', '--api-token', `bad-${secret}`])).stderr, 'not so')
  assert.match((await silent(['login', '--api-token', secret, `-t${secret}x`])).stderr, 'is given twice')
  const why = ['--why', 'build', '--token']
  assert.is((await at(['build', '--token', 'x'])).status, 0)
  await silent([...why, secret])
})

test('nothing of it is written down', async () => {
  for (const words of [
    ['login', '--api-token', secret],
    ['login', `--apiToken=${secret}`, '--region', 'us'],
    ['login', `-t${secret}`, ':::', 'build', '--token', secret],
    ['build', '--token', secret],
    ['--yes', 'publish'],
  ]) {
    assert.is((await silent(words)).status, 0, words.join(' '))
  }
  const running = startTask(['held', '--password', secret], { cwd: folder })
  await until(() => running.stdout().includes('ready'), { what: 'the task to begin' })
  const other = startTask(['held', '--password', 'other'], { cwd: folder })
  await until(() => /waits/.test(other.stderr()), { what: 'the other to wait' })
  assert.not.match(other.stderr(), secret)
  let found = ''
  try {
    found = execFileSync('grep', ['-rlaF', '--exclude-dir=taskfile', secret, join(folder, '.ops')], {
      encoding: 'utf8',
    })
  } catch {
    // Nothing is found.
  }
  assert.is(found, '')
  process.kill(other.pid, 'SIGINT')
  process.kill(running.pid, 'SIGINT')
  await Promise.all([other.ended, running.ended])
  const { stdout } = await silent(['runs', 'show', 'last'])
  assert.match(stdout, /held --password '…'/)
  assert.match((await silent(['runs'])).stdout, 'login')
})

test.run()
