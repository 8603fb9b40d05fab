import { chmodSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { entryScript, entryScripts } from '../../lib/task/entry-scripts.ts'
import { repository, run, task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

test('the repository’s own scripts are those of the table', () => {
  for (const [name, words] of Object.entries(entryScripts)) {
    const path = join(repository, 'bin', name)
    assert.is(readFileSync(path, 'utf8'), entryScript(words), name)
    assert.is(statSync(path).mode & 0o777, 0o755, name)
  }
  const others = readdirSync(join(repository, 'bin')).filter((name) => !(name in entryScripts))
  assert.equal(others.sort(), ['task', 'vital-ops'])
})

for (const type of ['module', 'commonjs']) {
  test(`a script runs its task from any folder, through links, in a package of type ${type}`, async () => {
    const folder = folderWith({
      'ws/package.json': JSON.stringify({ type }),
      'ws/Taskfile.ts': `import { task, text } from 'vital-ops'
        const up = task({
          args: { words: text().positional().repeated(), flag: text().optional() },
          run: ({ args, workspaceFolder, invocation }) => ({ ...args, workspaceFolder, folder: invocation.folder }),
          render: (result) => JSON.stringify(result),
        })
        export const services = task({ commands: { up } })`,
      'ws/bin/start-services': entryScript(['services', 'up']),
      'elsewhere/x': '',
    })
    const script = join(folder, 'ws/bin/start-services')
    chmodSync(script, 0o755)
    await run(['mkdir', join(folder, 'ws/node_modules')])
    symlinkSync(repository, join(folder, 'ws/node_modules/vital-ops'))
    symlinkSync(script, join(folder, 'elsewhere/link'))
    for (const started of [script, join(folder, 'elsewhere/link')]) {
      const ended = await run([started, 'a b', '--flag=$HOME', '--', '--x', '*'], { cwd: join(folder, 'elsewhere') })
      assert.equal([ended.stderr, ended.status], ['', 0])
      assert.equal(JSON.parse(ended.stdout), {
        words: ['a b', '--x', '*'],
        flag: '$HOME',
        workspaceFolder: join(folder, 'ws'),
        folder: join(folder, 'elsewhere'),
      })
    }
    assert.is((await run([script, '--bad'])).status, 2)
  })
}

test('the copy that is installed in the workspace runs its tasks, whichever copy was called', async () => {
  const folder = folderWith({ 'ws/Taskfile.ts': '', 'ws/bin/x': '' })
  const copy = join(folder, 'ws/node_modules/vital-ops')
  await run(['mkdir', '-p', copy])
  for (const name of ['package.json', 'dist', 'bin']) await run(['cp', '-r', join(repository, name), copy])
  symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'))
  writeFileSync(
    join(folder, 'ws/Taskfile.ts'),
    `import { task } from 'vital-ops'
    export const which = task({ run: () => process.argv.length, render: () => new Error().stack ?? '' })`,
  )
  const called = await task(['which'], { cwd: join(folder, 'ws') })
  assert.equal([called.stderr, called.status], ['', 0])
  assert.match(called.stdout, /ws\/node_modules\/vital-ops\/dist/)
  assert.ok(!called.stdout.includes(join(repository, 'dist/execute')))
  const version = await task(['--workspace', join(folder, 'ws'), '--list'], { cwd: '/' })
  assert.equal([version.stdout, version.status], ['  which\n', 0])
})

test.run()
