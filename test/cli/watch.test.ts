import { mkdirSync, readFileSync, renameSync, rmSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { task, timeLimit, until } from '../support/index.ts'
import { folderWith, writeFiles } from '../support/workspace.ts'
import { taskfile, watching } from './watching.ts'

timeLimit(120_000)

const watch = suite('watch')

for (const poll of [false, true]) {
  watch(
    `changed, new, renamed and deleted files run it again${poll ? ', also by looking' : ''}; others do not`,
    async () => {
      const one = await watching('build', { poll })
      try {
        const { folder } = one
        const at = (path: string) => join(folder, path)
        await one.says('waiting for changes')
        await one.logs('base', 'build')
        writeFileSync(at('src/a.txt'), 'changed\n')
        await one.says('src/a.txt changed; running again')
        await one.says('waiting for changes')
        await one.logs('base', 'build', 'build')
        mkdirSync(at('src/new/deep'), { recursive: true })
        writeFileSync(at('src/new/deep/b.txt'), 'b')
        await one.says('src/new/deep/b.txt changed')
        await one.says('waiting for changes')
        // As editors save: another file takes the name.
        writeFileSync(at('src/new/deep/b.txt~'), 'saved')
        renameSync(at('src/new/deep/b.txt~'), at('src/new/deep/b.txt'))
        await one.says('src/new/deep/b.txt')
        await one.says('waiting for changes')
        const count = one.log().length
        // Neither the same content again, nor what is left out, nor what is no input.
        writeFileSync(at('src/a.txt'), 'changed\n')
        writeFileSync(at('src/x.skip'), 'x')
        writeFileSync(at('other.txt'), 'x')
        unlinkSync(at('src/new/deep/b.txt'))
        await one.says('src/new/deep/b.txt changed')
        await one.says('waiting for changes')
        rmSync(at('src/new'), { recursive: true })
        writeFileSync(at('lib/l.txt'), 'of what it needs\n')
        await one.says('lib/l.txt changed')
        await one.says('waiting for changes')
        assert.equal(one.log().slice(count), ['build', 'base', 'build'], one.running.stderr())
      } finally {
        await one.end()
      }
    },
  )
}

watch('the old run has ended before the new one begins', async () => {
  const one = await watching('slow', { files: { 'src/a.txt': 'wait 0' } })
  try {
    await until(() => one.log().length === 1, { what: 'the first run' })
    writeFileSync(join(one.folder, 'src/a.txt'), 'go')
    await one.says('src/a.txt changed')
    await one.says('waiting for changes')
    const [begin, told, end, again, done] = one.log()
    const pid = begin?.split(' ')[1]
    assert.equal([told, end], ['told to end', `end ${pid}`])
    assert.match(again ?? '', /^begin \d+$/)
    assert.is(done, again?.replace('begin', 'done'))
  } finally {
    await one.end()
  }
})

watch('trap 19: a task that writes its own inputs does not loop', async () => {
  for (const [name, runs, ...more] of [
    // Writes the same again: once more, and that is all.
    ['formats', ['format', 'format']],
    // Another content each time: seen a few times (where runs take about as long, twice), and said.
    ['stamps', undefined, 'src/stamp changed whenever stamps ran'],
    // What it says that it writes is no reason.
    ['generates', ['generate']],
  ] as const) {
    const one = await watching(name)
    try {
      for (const text of more) await one.says(text)
      if (runs) await one.logs(...runs)
      const count = one.log().length
      // Edits run it again; between them, what would loop has the time of two starts.
      for (const edit of ['first', 'second']) {
        await one.says('waiting for changes')
        const before = one.log().length
        writeFileSync(join(one.folder, 'src', 'b.txt'), edit)
        await until(() => one.log().length > before, { what: `the run after the ${edit} edit` })
      }
      await one.says('waiting for changes')
      assert.ok(one.log().length <= count + 4, `${name}: ${one.log().join(', ')}\n${one.running.stderr()}`)
    } finally {
      await one.end()
    }
  }
})

watch('a task that fails is said, and runs again with the next change', async () => {
  const one = await watching('fails')
  try {
    await one.says('ended with status 1')
    writeFileSync(join(one.folder, 'src/a.txt'), 'good\n')
    await one.says('src/a.txt changed')
    await one.says('done (')
    assert.equal(one.log(), ['fails', 'fails'])
  } finally {
    await one.end()
  }
})

watch('a changed Taskfile, and what it imports, is read again; a broken one waits for its mending', async () => {
  const one = await watching('build')
  const path = join(one.folder, 'Taskfile.ts')
  try {
    await one.says('waiting for changes')
    writeFileSync(path, `import { name } from './names/name.ts'\n${taskfile.replace("say('build')", 'say(name)')}`)
    await one.says('Taskfile.ts changed; reading the Taskfile again')
    await one.says('no file "./names/name.ts"')
    await one.says('waiting for a change of the Taskfile')
    writeFiles(one.folder, { 'names/name.ts': `export const name = 'first'` })
    await one.says('names/name.ts changed; reading the Taskfile again')
    await one.says('waiting for changes')
    assert.is(one.log().at(-1), 'first')
    writeFiles(one.folder, { 'names/name.ts': `export const name = 'second'` })
    await one.says('names/name.ts changed')
    await one.says('waiting for changes')
    assert.is(one.log().at(-1), 'second')
    writeFileSync(path, readFileSync(path, 'utf8').replace("['src/**', '!src/**/*.skip']", "['elsewhere/**']"))
    await one.says('Taskfile.ts changed')
    await one.says('waiting for changes')
    const count = one.log().length
    writeFiles(one.folder, { 'elsewhere/e.txt': 'e' })
    await one.says('elsewhere/e.txt changed')
    await one.says('waiting for changes')
    assert.equal(one.log().slice(count), ['second'])
  } finally {
    await one.end()
  }
})

watch('what cannot be watched is refused, with the reason', async () => {
  const folder = folderWith({ 'Taskfile.ts': taskfile })
  const bare = await task(['--watch', 'bare'], { cwd: folder })
  assert.is(bare.status, 3)
  assert.match(
    bare.stderr,
    /^error: there is nothing to watch for bare: neither it nor what it needs says which files it reads\n/,
  )
  const unknown = await task(['--watch', 'biuld'], { cwd: folder })
  assert.is(unknown.status, 2)
  assert.match(unknown.stderr, /unknown task biuld; did you mean build\?/)
  assert.is((await task(['--watch'], { cwd: folder })).status, 2)
  const pattern = await task(['--watch', 'misspelt'], { cwd: folder })
  assert.is(pattern.status, 3)
  assert.match(pattern.stderr, /^error: "src\/@\(a\)" is no pattern of files/)
  for (const words of [['--dry-run', 'build'], ['runs']]) {
    const refused = await task(['--watch', ...words], { cwd: folder })
    assert.is(refused.status, 2)
    assert.match(refused.stderr, /error: --watch is for tasks that run; nothing ran here/)
  }
})

watch.run()
