import { chmodSync, existsSync, realpathSync, symlinkSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { entryScript } from '../../lib/task/entry-scripts.ts'
import { repository, run } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const bin = join(repository, 'bin/task')
/** No `task` is on the PATH. */
const plain = { npm_command: '', PATH: `${dirname(process.execPath)}:/usr/local/bin:/usr/bin:/bin` }

/** A workspace with this package in it, whose path has a space. */
async function workspace(): Promise<string> {
  const folder = folderWith({
    'a shop/package.json': '{ "name": "shop", "version": "1.0.0", "type": "module" }',
    'a shop/Taskfile.ts': `import { task } from 'vital-ops'
      export const hello = task({ run: () => ({ said: 1 }), render: () => 'hello\\nnext:\\n  task hello\\n  task --list\\nthe task hello\\n' })`,
    'a shop/bin/deploy-production': entryScript(['deploy', 'production']),
    'a shop/sub/x': '',
    'elsewhere/x': '',
    'path/x': '',
  })
  chmodSync(join(folder, 'a shop/bin/deploy-production'), 0o755)
  await run(['mkdir', '-p', join(folder, 'a shop/node_modules/.bin')])
  symlinkSync(repository, join(folder, 'a shop/node_modules/vital-ops'))
  symlinkSync('../vital-ops/bin/task', join(folder, 'a shop/node_modules/.bin/task'))
  return realpathSync(folder)
}

const nextOf = (stderr: string): string | undefined => /next:\n\s+(.*)/.exec(stderr)?.[1]

test('a failure’s next command is typed as the command was called', async () => {
  const base = await workspace()
  const folder = join(base, 'a shop')
  const said = async (argv: [string, ...string[]], cwd: string, env: Record<string, string> = {}) =>
    nextOf((await run(argv, { cwd, env: { ...plain, ...env } })).stderr)
  const local = join(folder, 'node_modules/.bin/task')

  assert.is(await said([local, 'helo'], folder), './node_modules/.bin/task --list')
  assert.is(await said([local, 'helo'], join(folder, 'sub')), '../node_modules/.bin/task --list')
  assert.is(await said([local, 'helo'], folder, { npm_command: 'exec' }), 'npx task --list')
  assert.is(await said([local, 'helo'], folder, { npm_command: 'run-script' }), 'npx task --list')

  symlinkSync(bin, join(base, 'path/task'))
  const PATH = `${join(base, 'path')}:${process.env.PATH}`
  assert.is(await said(['task', 'helo'], folder, { PATH }), 'task --list')
  assert.is(
    await said(['task', '--workspace', folder, 'helo'], join(base, 'elsewhere'), { PATH }),
    "task --workspace '../a shop' --list",
  )
  // Somebody else's program of that name stands first on the PATH.
  const other = folderWith({ task: '#!/bin/sh\n' })
  chmodSync(join(other, 'task'), 0o755)
  assert.is(await said([local, 'helo'], folder, { PATH: `${other}:${PATH}` }), './node_modules/.bin/task --list')
})

test('a workspace’s script names the command of its workspace, from any folder', async () => {
  const base = await workspace()
  const folder = join(base, 'a shop')
  const script = join(folder, 'bin/deploy-production')
  const inside = await run([script], { cwd: folder, env: plain })
  assert.is(nextOf(inside.stderr), './node_modules/.bin/task --list')
  const outside = await run([script], { cwd: join(base, 'elsewhere'), env: plain })
  assert.is(nextOf(outside.stderr), "'../a shop/node_modules/.bin/task' --workspace '../a shop' --list")
})

test('the printed command runs when a shell reads it', async () => {
  const base = await workspace()
  const cwd = join(base, 'elsewhere')
  const { stderr } = await run([join(base, 'a shop/bin/deploy-production')], { cwd, env: plain })
  const again = await run(['sh', '-c', nextOf(stderr) ?? 'false'], { cwd, env: plain })
  assert.is(again.status, 0, again.stderr)
  assert.match(again.stdout, 'hello')
})

test('JSON and texts have the same commands, and nothing else is changed', async () => {
  const base = await workspace()
  const folder = join(base, 'a shop')
  const local = join(folder, 'node_modules/.bin/task')
  const json = await run([local, '--json', 'helo'], { cwd: folder, env: { npm_command: 'exec' } })
  assert.equal(JSON.parse(json.stdout).failures[0].next, ['npx task --list'])
  const text = await run([local, 'hello'], { cwd: folder, env: { npm_command: 'exec' } })
  assert.is(text.stdout, 'hello\nnext:\n  npx task hello\n  npx task --list\nthe task hello\n')
})

test('npx itself says npx', async () => {
  const folder = join(await workspace(), 'a shop')
  const ended = await run(['npx', '--offline', '--no', 'task', 'helo'], { cwd: folder, env: plain })
  assert.is(nextOf(ended.stderr), 'npx task --list', ended.stderr)
  assert.ok(existsSync(join(folder, 'node_modules/.bin/task')))
})

test.run()
