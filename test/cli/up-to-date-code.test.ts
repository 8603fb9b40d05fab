import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `import { task } from 'vital-ops'
import { words } from './words.ts'
// Why it is built
export const build = task({ inputs: ['in.txt'], run: () => { console.log(words('a  b')) } })
`
const words = `export function words(text: string): string {
  return text + '!'
}
`

test('types, comments and layout of the Taskfile do not make tasks run again; code does', async () => {
  const folder = folderWith({ 'Taskfile.ts': taskfile, 'words.ts': words, 'in.txt': '' })
  const after = async (edited: Record<string, string>): Promise<string> => {
    for (const [name, text] of Object.entries({ 'Taskfile.ts': taskfile, 'words.ts': words, ...edited })) {
      writeFileSync(join(folder, name), text)
    }
    const { stdout, status, stderr } = await task(['build'], { cwd: folder })
    assert.is(status, 0, stderr)
    return stdout
  }
  assert.is(await after({}), 'a  b!\n')
  for (const edited of [
    {},
    { 'Taskfile.ts': taskfile.replace('// Why it is built', '/* Another reason,\n on two lines */\n\n') },
    { 'Taskfile.ts': taskfile.replace('console.log', '// Inside\n    console  .log') },
    { 'words.ts': words.replace('text: string', 'text: string | "x"').replace('string {', 'string /* so */\n{') },
    { 'words.ts': `export type Other = { a: 1 }\n${words}` },
  ]) {
    assert.is(await after(edited), '', JSON.stringify(edited))
  }
  for (const [edited, expected] of [
    [{ 'Taskfile.ts': taskfile.replace('a  b', 'a b') }, 'a b!\n'],
    [{ 'words.ts': words.replace("'!'", "'?'") }, 'a  b?\n'],
    // What one cannot tell to be another's counts.
    [{ 'Taskfile.ts': `${taskfile}export const other = task({ run() {} })\n` }, 'a  b!\n'],
  ] as const) {
    assert.is(await after(edited), expected)
  }
  const why = await task(['--why', 'build'], { cwd: folder })
  assert.is(why.status, 0)
  writeFileSync(join(folder, 'words.ts'), words.replace("'!'", "'…'"))
  assert.match((await task(['--why', 'build'], { cwd: folder })).stdout, 'code: words.ts changed')
})

test.run()
