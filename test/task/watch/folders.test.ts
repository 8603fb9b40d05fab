/*
 * What is watched is what is compared: whatever comes or goes in a random tree, a change of the set of files by which a task is compared happens in
 * a folder that is watched, or in one below a watched folder that was not there before.
 */
import { mkdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { readInputs } from '../../../lib/task/fingerprint/files.ts'
import { literalPattern, readPatterns } from '../../../lib/task/fingerprint/pattern.ts'
import { StatCache } from '../../../lib/task/fingerprint/stat-cache.ts'
import { foldersOf } from '../../../lib/task/watch/folders.ts'
import { takeSnapshot } from '../../../lib/task/watch/inputs.ts'
import { note } from '../../support/index.ts'
import { folderWith } from '../../support/workspace.ts'

/** A generator of numbers from 0 to below 1 that gives the same ones each time (mulberry32). */
function random(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

function remove(file: string): void {
  try {
    unlinkSync(file)
  } catch (error) {
    // It was reached by a link that has gone before, or its name is a folder's by now.
    assert.match((error as NodeJS.ErrnoException).code ?? '', /^(?:ENOENT|ENOTDIR|EISDIR|EPERM)$/)
  }
}

const names = ['a', 'b', 'lib', '.hidden', 'node_modules', '{x}', 'a.ts']
const parts = [
  ...names.slice(0, 5),
  '*',
  '**',
  '?',
  '*.ts',
  '[ab]',
  '{a,b}',
  '{lib,a/b}',
  '{**/a,lib}',
  '\\{x\\}',
  '!(a)',
]

for (let seed = 1; seed <= 3; seed += 1) {
  test(`random trees and patterns, seed ${seed}`, () => {
    const next = random(seed)
    const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(next() * items.length)] as Item
    const path = (from: readonly string[]): string =>
      Array.from({ length: 1 + Math.floor(next() * 3) }, () => pick(from)).join('/')
    let changes = 0
    for (let round = 0; round < 25; round += 1) {
      const folder = folderWith({ 'keep/k.ts': '' })
      const put = (): string | undefined => {
        const file = join(folder, path(names))
        try {
          mkdirSync(dirname(file), { recursive: true })
          if (next() < 0.1) symlinkSync(next() < 0.5 ? '../keep' : '../keep/k.ts', file)
          else writeFileSync(file, String(next()))
          return file
        } catch {
          // There is a file or a folder of that name.
          return undefined
        }
      }
      const files = Array.from({ length: 12 }, put).filter((file) => file !== undefined)
      const patterns = Array.from(
        { length: 1 + Math.floor(next() * 3) },
        (_, at) => (at > 0 && next() < 0.3 ? '!' : '') + path(parts) + (next() < 0.1 ? '/' : ''),
      )
      try {
        readPatterns(patterns, folder)
      } catch {
        continue
      }
      const cache = new StatCache(join(folder, '.ops', 'files'))
      const set = { folder, patterns }
      const now = () => new Set(readInputs(patterns, folder, cache).paths.map((one) => join(folder, one)))
      const said = `${JSON.stringify(patterns)} in ${folder}`
      assert.equal(new Set(takeSnapshot([set], [], cache).keys()), now(), said)
      for (let step = 0; step < 8; step += 1) {
        const before = now()
        const watched = foldersOf([set])
        for (const file of before) assert.ok(watched.has(dirname(file)), `${file} of ${said}`)
        const gone = next() < 0.5 ? files.splice(Math.floor(next() * files.length), 1)[0] : undefined
        const made = new Set<string>()
        if (gone !== undefined) remove(gone)
        else {
          const file = put()
          if (file === undefined) continue
          files.push(file)
          // The nearest folder that was there tells of the coming of those below it.
          for (let at = file; at !== folder; at = dirname(at)) made.add(dirname(at))
        }
        const after = now()
        const changed = [...new Set([...before, ...after])].filter((file) => before.has(file) !== after.has(file))
        if (changed.length === 0) continue
        changes += 1
        const isTold = (file: string): boolean =>
          watched.has(dirname(file)) || [...made].some((one) => watched.has(one))
        for (const file of changed) assert.ok(isTold(file), `${file} of ${said}: ${[...watched].join(', ')}`)
        // Who was told looks again, and then watches what is new.
        const later = foldersOf([set])
        for (const file of after) assert.ok(later.has(dirname(file)), `${file} of ${said}`)
      }
      rmSync(folder, { recursive: true })
    }
    assert.ok(changes > 8, `${changes} changes`)
    note(`${changes} changes of what patterns match, all of them in watched folders`)
  })
}

test('what is left out is not watched, and a folder that is not there by the nearest one that is', () => {
  const folder = folderWith({ 'src/a.ts': '', 'src/dist/deep/b.ts': '', 'packages/one/lib/c.ts': '', 'x/{y}.env': '' })
  const of = (...patterns: string[]) =>
    [...foldersOf([{ folder, patterns }])].map((one) => one.slice(folder.length + 1)).sort()
  assert.equal(of('src/**', '!src/dist/**'), ['', 'src'])
  assert.equal(of('absent/deep/*.ts'), [''])
  // A name that stands for a folder stands for all that is in it, also behind a wildcard.
  assert.equal(of('packages/*/lib'), ['', 'packages', 'packages/one', 'packages/one/lib'])
  assert.equal(of(literalPattern(join(folder, 'x/{y}.env'))), ['', 'x'])
})

test.run()
