import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const folder = folderWith({
  'Taskfile.ts': `import { flag, task, text } from 'vital-ops'
export const image = task({ description: 'Build it', group: 'docker', args: { imageTag: text().default('x'), dry: flag() }, run() {} })
export const push = task({ group: 'docker', aliases: ['publish'], args: { where: text().positional().optional() }, run() {} })
export const secret = task({ description: 'docker, not shown', hidden: true, run() {} })
export default { db: { migrate: task({ description: 'Bring the schema up to date', run() {} }) } }
`,
})
const at = (...words: string[]) => task(words, { cwd: folder })

test("a flag of the command behind a task's name is told where it belongs", async () => {
  const { stderr, status } = await at('image', '--list')
  assert.match(
    stderr,
    /unknown flag --list\n {2}why: --list is a flag of the command, which stands before the task: task --list image\n/,
  )
  assert.is(status, 2)
  assert.match((await at('image', '-j')).stderr, /task -j image/)
  assert.match((await at('image', '--dri')).stderr, /unknown flag --dri; did you mean --dry\?/)
})

test('NAME=value, as make and go-task have it, is told as the flag that it means', async () => {
  for (const word of ['IMAGE_TAG=v1', 'image-tag=v1', 'imageTag=v1']) {
    const { stderr, status } = await at('image', word)
    assert.match(stderr, /unexpected argument .*; did you mean --image-tag=v1\?/)
    assert.is(status, 2)
  }
  assert.match((await at('image', 'OTHER=v1')).stderr, /unexpected argument "OTHER=v1"\n/)
})

test('the list of what has a word in its name, alias, group or description', async () => {
  // Once by the command, and then from what is cached.
  for (let round = 0; round < 2; round += 1) {
    assert.is((await at('--list', 'docker')).stdout, 'docker:\n  image  Build it\n  push\n')
    assert.is((await at('--list', 'SCHEMA')).stdout, 'db:\n  db:migrate  Bring the schema up to date\n')
    assert.is((await at('--list', 'docker', 'publish')).stdout, 'docker:\n  push\n')
    const json = JSON.parse((await at('--list', '--json', 'publish')).stdout)
    assert.equal(
      json.tasks.map(({ name }: { name: string }) => name),
      ['push'],
    )
    const none = await at('--list', 'dokcer')
    assert.equal([none.stdout, none.status], ['', 2])
    assert.match(none.stderr, /no task has dokcer in its name, group or description; did you mean docker\?/)
  }
})

test.run()
