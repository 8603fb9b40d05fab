import {
  appendFileSync,
  chmodSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { BegunInputs } from '../../../lib/task/fingerprint/begun.ts'
import { compareInputs, readInputs } from '../../../lib/task/fingerprint/files.ts'
import { StatCache } from '../../../lib/task/fingerprint/stat-cache.ts'
import { fileTime, isEarlier } from '../../../lib/task/fingerprint/steady.ts'
import { note, temporaryFolder } from '../../support/index.ts'

// Files that changed in the last two seconds are read again each time; here, all was looked at later.
const { now } = Date
test.before(() => {
  Date.now = () => now() + 60_000
})
test.after(() => {
  Date.now = now
})

const patterns = ['src/**/*.ts', 'one.json', 'not-yet.json']

/** A workspace in which a task has had a good run. */
function world() {
  const folder = temporaryFolder()
  const path = (name: string) => join(folder, name)
  const file = path('cache')
  for (const part of ['a', 'b', 'c']) {
    mkdirSync(path(`src/${part}`), { recursive: true })
    for (const name of ['1', '2', '3']) writeFileSync(path(`src/${part}/${name}.ts`), `${part} ${name}`)
  }
  writeFileSync(path('one.json'), 'one')
  /** Waits until what changes from now on has other times than what changed before: the system's are coarse. */
  const tick = () => {
    writeFileSync(path('tick'), '')
    const { ctimeNs } = statSync(path('tick'), { bigint: true })
    while (statSync(path('tick'), { bigint: true }).ctimeNs === ctimeNs) chmodSync(path('tick'), 0o600)
  }
  const inputs = () =>
    readdirSync(path('src'), { recursive: true, encoding: 'utf8' }).filter((one) => one.endsWith('.ts'))
  const files = () => [...inputs().map((one) => `src/${one}`), 'one.json', 'not-yet.json'].sort()
  /** All that a fingerprint is to tell. */
  const contents = () =>
    files().map((name) => {
      const stats = statSync(path(name), { throwIfNoEntry: false })
      return stats ? `${name} ${(stats.mode & 0o111) !== 0} ${readFileSync(path(name), 'utf8')}` : name
    })
  const fresh = () => readInputs(patterns, folder, new StatCache(path('none'))).digest
  /** Looks at all inputs, and keeps what was found; gives the digest. */
  const look = () => {
    tick()
    const cache = new StatCache(file)
    const { digest } = readInputs(patterns, folder, cache)
    cache.save()
    tick()
    return digest
  }
  const begin = (digest: string) => {
    const inputs = compareInputs(patterns, folder, new StatCache(file), digest)
    return inputs instanceof BegunInputs ? inputs : undefined
  }
  return { path, tick, files, contents, fresh, look, begin, began: path('began') }
}

const isKnown = (began: string): boolean => fileTime(began) !== undefined

test('who writes to an input while its task runs is noticed, and what came before counts', () => {
  const { path, tick, files, contents, fresh, look, begin, began } = world()
  if (!isKnown(began)) return note('on this file system, inputs are looked at before')
  let state = 7
  const next = (bound: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * bound)
  }
  const any = () => path(files().filter((name) => statSync(path(name), { throwIfNoEntry: false }))[next(8)] as string)
  const changes: (() => void)[] = [
    () => appendFileSync(any(), 'x'),
    () => chmodSync(any(), next(2) === 0 ? 0o755 : 0o644),
    () => writeFileSync(path(`src/b/new${next(20)}.ts`), 'new'),
    () => writeFileSync(path('not-yet.json'), 'there'),
    () => rmSync(path('not-yet.json'), { force: true }),
    () => {
      const file = any()
      writeFileSync(`${file}.other`, readFileSync(file, 'utf8').replace(/./, 'y'))
      renameSync(`${file}.other`, file)
    },
    () => {
      // Of the same size and time.
      const file = any()
      const { mtime } = statSync(file)
      writeFileSync(file, readFileSync(file, 'utf8').replace(/^./, 'z'))
      utimesSync(file, mtime, mtime)
    },
  ]
  const change = () => (changes[next(changes.length)] as () => void)()
  const counts = { looked: 0, same: 0, changed: 0 }
  for (let step = 0; step < 120; step += 1) {
    look()
    const digest = look()
    appendFileSync(any(), `${step}`)
    tick()
    const inputs = begin(digest)
    if (inputs === undefined) {
      counts.looked += 1
      continue
    }
    assert.ok(inputs.differFrom(digest))
    // What comes or goes just before counts as a change.
    if (next(3) === 0) appendFileSync(any(), 'before')
    tick()
    const before = contents()
    inputs.begin(began)
    const isLeft = next(2) === 0
    if (!isLeft) change()
    const changed = inputs.end()
    if (contents().join() !== before.join()) assert.ok(changed !== undefined, `step ${step}`)
    if (isLeft) assert.is(changed, undefined, `step ${step}`)
    counts[changed === undefined ? 'same' : 'changed'] += 1
    if (changed === undefined) assert.is(inputs.digest, fresh(), `step ${step}`)
  }
  assert.ok(counts.same > 20 && counts.changed > 20, JSON.stringify(counts))
  note(JSON.stringify(counts))
})

test('an input that is edited and put back while its task runs has changed; one that gets another name has not', () => {
  const { path, tick, look, begin, began } = world()
  if (!isKnown(began)) return note('on this file system, inputs are looked at before')
  look()
  const digest = look()
  appendFileSync(path('one.json'), 'changed before')
  tick()
  const linked = begin(digest)
  linked?.begin(began)
  linkSync(path('src/a/1.ts'), path('elsewhere'))
  assert.is(linked?.end(), undefined)
  const edited = begin(digest)
  edited?.begin(began)
  writeFileSync(path('src/b/2.ts'), 'other')
  writeFileSync(path('src/b/2.ts'), 'b 2')
  assert.is(edited?.end(), 'src/b/2.ts')
})

test('where the clock is set back while a task runs, nothing is said of its inputs', () => {
  const { path, tick, look, begin, began } = world()
  if (!isKnown(began)) return note('on this file system, inputs are looked at before')
  look()
  const digest = look()
  appendFileSync(path('one.json'), 'changed before')
  tick()
  const inputs = begin(digest)
  inputs?.begin(began)
  const { now: clock } = Date
  Date.now = () => clock() - 3000
  try {
    assert.throws(() => inputs?.end(), /the clock was set back/)
  } finally {
    Date.now = clock
  }
})

test('a time of whole seconds is earlier only in an earlier second', () => {
  assert.is(isEarlier(5000, 5400), false)
  assert.is(isEarlier(5000, 6000), true)
  assert.is(isEarlier(5399.5, 5400), true)
  assert.is(isEarlier(5400.25, 5400.25), false)
})

test.run()
