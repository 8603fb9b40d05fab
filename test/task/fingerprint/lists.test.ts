import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, renameSync, rmSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { changedInput, readInputs } from '../../../lib/task/fingerprint/files.ts'
import { sha256Short } from '../../../lib/task/fingerprint/sha256-text.ts'
import { StatCache } from '../../../lib/task/fingerprint/stat-cache.ts'
import { isSteady } from '../../../lib/task/fingerprint/steady.ts'
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

/** Waits until what changes from now on has other times than what changed before: the system's are coarse. */
function tick(folder: string): void {
  const file = join(folder, 'tick')
  writeFileSync(file, '')
  const { ctimeNs } = statSync(file, { bigint: true })
  while (statSync(file, { bigint: true }).ctimeNs === ctimeNs) chmodSync(file, 0o600)
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
    let again = 0
    for (let step = 0; step < 40; step += 1) {
      const cache = new StatCache(file)
      for (const patterns of sets.filter(() => next(3) > 0)) {
        const { steady } = cache.list(JSON.stringify([folder, patterns])) ?? {}
        if (steady !== undefined && isSteady(steady)) again += 1
        const known = readInputs(patterns, folder, cache)
        const anew = readInputs(patterns, folder, new StatCache(join(folder, 'none')))
        assert.is(known.digest, anew.digest, `step ${step}, ${patterns}`)
        assert.equal(known.paths, anew.paths)
        assert.equal(
          known.paths.map((_, at) => known.content(at)),
          anew.paths.map((_, at) => anew.content(at)),
        )
        const same = readInputs(patterns, folder, cache)
        assert.is(
          changedInput(known, same, () => false),
          undefined,
        )
        digests.add(known.digest)
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
      tick(folder)
      const path = paths[next(paths.length)] as string
      const what = next(7)
      if (what === 0) rmSync(path, { force: true })
      else if (what === 1) write(path, `${path} ${'x'.repeat(step)}`, 60)
      // Of the same size and times, by another inode.
      else if (what === 2) {
        write(`${path}.new`, [...path].reverse().join(''), 100)
        renameSync(`${path}.new`, path)
      } else if (what === 3) {
        const part = join(source, `part${next(4)}`)
        renameSync(part, `${part}.away`)
        if (next(2) === 0) mkdirSync(part)
        else renameSync(`${part}.away`, part)
        rmSync(`${part}.away`, { recursive: true, force: true })
      } else if (what === 4) {
        mkdirSync(join(source, 'part1', `inner${step}`))
        write(join(source, 'part1', `inner${step}`, 'file.ts'), `${step}`, 70)
      } else if (what === 5) {
        write(path, path, 100)
        chmodSync(path, next(2) === 0 ? 0o755 : 0o644)
      }
      tick(folder)
    }
    assert.ok(digests.size > 20)
    if (process.platform === 'linux') assert.ok(again > 10, `only ${again} times`)
    note(`${digests.size} lists, ${again} times one whose folders were as they had been`)
  })
}

test('what no folder tells is looked at: a link, a path that is not there yet, a folder that was a file', () => {
  const folder = temporaryFolder()
  const file = join(folder, 'cache')
  mkdirSync(join(folder, 'src'))
  mkdirSync(join(folder, 'elsewhere'))
  write(join(folder, 'src', 'a.ts'), 'a', 100)
  write(join(folder, 'elsewhere', 'b.ts'), 'b', 100)
  const patterns = ['src/**/*.ts', 'later.ts', 'deep/er/*.ts']
  const look = (): readonly string[] => {
    tick(folder)
    const cache = new StatCache(file)
    const { paths, digest } = readInputs(patterns, folder, cache)
    assert.is(digest, readInputs(patterns, folder, new StatCache(join(folder, 'none'))).digest)
    cache.save()
    tick(folder)
    return paths
  }
  assert.equal([...look()], ['src/a.ts'])
  assert.equal([...look()], ['src/a.ts'])
  write(join(folder, 'later.ts'), 'later', 100)
  assert.equal([...look()].sort(), ['later.ts', 'src/a.ts'])
  write(join(folder, 'deep'), 'a file', 100)
  assert.equal([...look()].sort(), ['later.ts', 'src/a.ts'])
  rmSync(join(folder, 'deep'))
  mkdirSync(join(folder, 'deep', 'er'), { recursive: true })
  write(join(folder, 'deep', 'er', 'd.ts'), 'd', 100)
  assert.equal([...look()].sort(), ['deep/er/d.ts', 'later.ts', 'src/a.ts'])
  symlinkSync('../elsewhere', join(folder, 'src', 'linked'))
  assert.equal([...look()].sort(), ['deep/er/d.ts', 'later.ts', 'src/a.ts', 'src/linked/b.ts'])
  write(join(folder, 'elsewhere', 'c.ts'), 'c', 100)
  assert.equal([...look()].sort(), ['deep/er/d.ts', 'later.ts', 'src/a.ts', 'src/linked/b.ts', 'src/linked/c.ts'])
})

test('SHA-256 of short texts is that of Node', () => {
  const next = chance(7)
  for (let count = 0; count < 500; count += 1) {
    const text = `${'é€😀z'.repeat(next(30))}${'x'.repeat(next(200))}\0${count}`
    assert.is(sha256Short(text), createHash('sha256').update(text).digest('hex'))
  }
  assert.is(sha256Short(''), createHash('sha256').digest('hex'))
})

test.run()
