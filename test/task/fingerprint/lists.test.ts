import { createHash } from 'node:crypto'
import { mkdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { changedInput, readInputs } from '../../../lib/task/fingerprint/files.ts'
import { sha256Text } from '../../../lib/task/fingerprint/sha256-text.ts'
import { pathsOf, StatCache } from '../../../lib/task/fingerprint/stat-cache.ts'
import { note, temporaryFolder } from '../../support/index.ts'

/** A generator of numbers below a bound, the same for the same seed. */
function chance(seed: number): (bound: number) => number {
  let state = seed
  return (bound) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
}

/** Writes a file as if it had come to rest long ago. */
function write(path: string, text: string, secondsAgo: number): void {
  writeFileSync(path, text)
  const time = now() / 1000 - secondsAgo
  utimesSync(path, time, time)
}

// Files that changed in the last two seconds are read again each time; here, all was looked at later.
const { now } = Date
test.before(() => {
  Date.now = () => now() + 60_000
})
test.after(() => {
  Date.now = now
})

/** Where the files of a list are in a cache. */
function placesIn(cache: StatCache, paths: readonly string[], folder: string): number[] {
  const known = pathsOf(cache.columns)
  return paths.map((path) => known.indexOf(join(folder, path)))
}

for (const seed of [1, 2, 3]) {
  test(`a list that the cache knows has the digest of one that is read anew, seed ${seed}`, () => {
    const folder = temporaryFolder()
    const file = join(folder, 'cache')
    const source = join(folder, 'src')
    const next = chance(seed)
    const paths = Array.from({ length: 40 }, (_, at) => join(source, `part${at % 4}`, `file${at}.ts`))
    for (let at = 0; at < 4; at += 1) mkdirSync(join(source, `part${at}`), { recursive: true })
    for (const path of paths.slice(0, 30)) write(path, path, 100)
    const sets = [['src/**/*.ts'], ['src/part1/**', 'src/part3/*.ts'], ['src/**', '!src/part2/**']]
    const digests = new Set<string>()
    let listed = 0
    for (let step = 0; step < 40; step += 1) {
      const cache = new StatCache(file)
      for (const patterns of sets.filter(() => next(3) > 0)) {
        const known = readInputs(patterns, folder, cache)
        const anew = readInputs(patterns, folder, new StatCache(join(folder, 'none')))
        assert.is(known.digest, anew.digest, `step ${step}, ${patterns}`)
        assert.equal(known.paths, anew.paths)
        assert.equal(
          known.paths.map((_, at) => known.content(at)),
          anew.paths.map((_, at) => anew.content(at)),
        )
        const again = readInputs(patterns, folder, cache)
        assert.is(
          changedInput(known, again, () => false),
          undefined,
        )
        digests.add(known.digest)
        if (cache.listDigest(JSON.stringify([folder, patterns]), placesIn(cache, anew.paths, folder))) listed += 1
        if (next(4) === 0) {
          const [victim] = known.paths.slice(next(known.paths.length))
          write(join(folder, victim as string), `${victim} meanwhile ${'y'.repeat(step)}`, 50)
          const later = readInputs(patterns, folder, cache)
          assert.is(
            changedInput(known, later, () => false),
            victim,
          )
        }
      }
      if (next(5) > 0) cache.save()
      const path = paths[next(paths.length)] as string
      const what = next(4)
      if (what === 0) rmSync(path, { force: true })
      else if (what === 1) write(path, `${path} ${'x'.repeat(step)}`, 60)
      // Of the same size and times, by another inode.
      else if (what === 2) {
        write(`${path}.new`, [...path].reverse().join(''), 100)
        renameSync(`${path}.new`, path)
      }
    }
    assert.ok(digests.size > 20)
    assert.ok(listed > 20)
    note(`${digests.size} lists, ${listed} times one that the cache knew`)
  })
}

test('SHA-256 of short texts is that of Node', () => {
  const next = chance(7)
  for (let count = 0; count < 500; count += 1) {
    const text = `${'é€😀z'.repeat(next(30))}${'x'.repeat(next(200))}\0${count}`
    assert.is(sha256Text(text), createHash('sha256').update(text).digest('hex'))
  }
  assert.is(sha256Text(''), createHash('sha256').digest('hex'))
})

test.run()
