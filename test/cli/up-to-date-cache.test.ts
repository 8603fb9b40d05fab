import { execFileSync } from 'node:child_process'
import {
  appendFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { task } from '../support/index.ts'
import { folderWith } from '../support/workspace.ts'

const taskfile = `
import { task } from 'vital-ops'
export const build = task({
  inputs: ['src/**'], outputs: ['dist/**'],
  run: async ({ $ }) => {
    await $\`mkdir -p runs dist/empty dist/sub; echo ran >> runs/build\`
    await $\`cp src/in dist/out; cp src/in dist/sub/copy; printf '#!/bin/sh\\necho tool' > dist/tool; chmod 750 dist/tool\`
    await $\`ln -sfn sub/copy dist/link; ln -sfn nowhere dist/broken; cp src/in "dist/$(cat src/in)"\`
  },
})
`

function world() {
  const folder = folderWith({ 'Taskfile.ts': taskfile, 'src/in': 'one' })
  const path = (name: string) => join(folder, name)
  const runs = () => readFileSync(path('runs/build'), 'utf8').split('\n').length - 1
  const build = async (env: Record<string, string> = {}) => {
    const ended = await task(['build'], { cwd: folder, env })
    assert.is(ended.status, 0, ended.stderr)
    return /✔ (up to date|restored)/.exec(ended.stderr)?.[1] ?? 'ran'
  }
  const cache = async (...words: string[]) => {
    const ended = await task(['cache', ...words, '--json'], { cwd: folder })
    return { status: ended.status, ...JSON.parse(ended.stdout) }
  }
  return { folder, path, runs, build, cache }
}

test('modes, links and empty folders come back, and what a later run has left goes', async () => {
  const { path, build, runs } = world()
  assert.is(await build(), 'ran')
  writeFileSync(path('src/in'), 'two')
  rmSync(path('dist'), { recursive: true })
  assert.is(await build(), 'ran')
  assert.ok(existsSync(path('dist/two')))
  writeFileSync(path('dist/mine'), 'made by hand')
  writeFileSync(path('src/in'), 'one')
  assert.is(await build(), 'restored')
  assert.is(readFileSync(path('dist/out'), 'utf8'), 'one')
  assert.is(statSync(path('dist/tool')).mode & 0o777, 0o750)
  assert.is(execFileSync(path('dist/tool'), { encoding: 'utf8' }), 'tool\n')
  assert.is(readlinkSync(path('dist/link')), 'sub/copy')
  assert.is(readlinkSync(path('dist/broken')), 'nowhere')
  assert.ok(statSync(path('dist/empty')).isDirectory())
  assert.equal(readdirSync(path('dist')).sort(), ['broken', 'empty', 'link', 'mine', 'one', 'out', 'sub', 'tool'])
  // What the task has not made is not touched.
  assert.is(readFileSync(path('dist/mine'), 'utf8'), 'made by hand')
  assert.is(await build(), 'up to date')
  rmSync(path('dist'), { recursive: true })
  assert.is(await build(), 'restored')
  assert.ok(lstatSync(path('dist/broken')).isSymbolicLink())
  assert.is(runs(), 2)
})

test('a folder that an output was replaced by is no reason to fail, and no reason to keep it', async () => {
  const { path, build } = world()
  assert.is(await build(), 'ran')
  rmSync(path('dist/link'))
  mkdirSync(path('dist/link'))
  assert.is(await build(), 'ran')
})

test('restored files share nothing with the cache', async () => {
  const { path, build } = world()
  assert.is(await build(), 'ran')
  rmSync(path('dist'), { recursive: true })
  assert.is(await build(), 'restored')
  appendFileSync(path('dist/out'), ' and more')
  assert.is(await build(), 'restored')
  assert.is(readFileSync(path('dist/out'), 'utf8'), 'one')
})

test('a damaged content is found and not used', async () => {
  const { path, build, cache } = world()
  assert.is(await build(), 'ran')
  const contents = () =>
    readdirSync(path('.ops/cache/objects')).flatMap((part) =>
      readdirSync(path(`.ops/cache/objects/${part}`)).map((name) => path(`.ops/cache/objects/${part}/${name}`)),
    )
  const damage = () => {
    const [file] = contents().filter((one) => readFileSync(one, 'utf8') === 'one')
    writeFileSync(file as string, 'oNe')
  }
  damage()
  rmSync(path('dist'), { recursive: true })
  assert.is(await build(), 'ran')
  assert.is(readFileSync(path('dist/out'), 'utf8'), 'one')
  damage()
  const verified = await cache('verify')
  assert.equal([verified.status, verified.result.objects, verified.result.damaged.length], [1, 2, 1])
  assert.equal((await cache('verify')).result, { objects: 1, damaged: [] })
})

test('task cache shows, prunes and clears', async () => {
  const { folder, path, build, cache, runs } = world()
  const empty = await cache()
  assert.equal([empty.status, empty.result.bytes, empty.result.runs], [0, 0, []])
  const large = (letter: string) => writeFileSync(path('src/in'), letter.repeat(100))
  for (const letter of ['a', 'b', 'c']) {
    large(letter)
    rmSync(path('dist'), { recursive: true, force: true })
    assert.is(await build(), 'ran')
  }
  const { result } = await cache('show')
  assert.equal([result.entries, result.runs.length, result.runs[0].task], [3, 3, 'build'])
  assert.is(result.limit, 2 * 2 ** 30)
  const shown = await task(['cache'], { cwd: folder })
  assert.match(shown.stdout, /^\.ops\/cache: \d+ B of at most 2\.0 GB, 3 runs\n {2}build /)
  // 'a' is used again, so 'b' goes first.
  large('a')
  assert.is(await build(), 'restored')
  const pruned = await cache('prune', '--size', '240B')
  assert.equal([pruned.result.entries, pruned.result.removed.entries], [2, 1])
  large('b')
  assert.is(await build(), 'ran')
  large('a')
  assert.is(await build(), 'restored')
  assert.is((await cache('prune', '--size', 'huge')).status, 2)
  assert.is((await cache('clear')).result.removed.entries, 3)
  assert.is(await build(), 'ran')
  assert.is(runs(), 5)
})

test('the cache keeps to its size, and to none', async () => {
  const { path, build, cache } = world()
  assert.is(await build({ OPS_TASK_CACHE_SIZE: '0' }), 'ran')
  assert.is((await cache()).result.bytes, 0)
  assert.is(await build(), 'up to date')
  rmSync(path('dist/out'))
  assert.is(await build(), 'ran')
  for (let round = 0; round < 5; round += 1) {
    writeFileSync(path('src/in'), `${round}`.repeat(200))
    rmSync(path('dist'), { recursive: true })
    assert.is(await build({ OPS_TASK_CACHE_SIZE: '500B' }), 'ran')
    assert.ok((await cache()).result.bytes <= 500)
  }
  const wrong = await task(['cache'], { cwd: path('.'), env: { OPS_TASK_CACHE_SIZE: 'much' } })
  assert.is(wrong.status, 2)
  assert.match(wrong.stderr, /OPS_TASK_CACHE_SIZE is no size: "much"/)
})

test('two builds of the same content at once leave whole caches', async () => {
  const { path, build, cache } = world()
  assert.is(await build(), 'ran')
  rmSync(path('dist'), { recursive: true })
  const ends = await Promise.all([build(), build(), build()])
  assert.equal(ends.filter((end) => end === 'ran').length, 0)
  assert.equal((await cache('verify')).result.damaged, [])
})

test.run()
