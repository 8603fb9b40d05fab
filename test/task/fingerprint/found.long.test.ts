import {
  appendFileSync,
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { findStates } from '../../../lib/system/find-states.ts'
import { dropAhead } from '../../../lib/task/fingerprint/ahead.ts'
import { findInputs, readInputs } from '../../../lib/task/fingerprint/files.ts'
import { StatCache } from '../../../lib/task/fingerprint/stat-cache.ts'
import { note, temporaryFolder, until } from '../../support/index.ts'

// Files that changed in the last two seconds are read again each time; here, all was looked at later.
const { now } = Date
test.before(() => {
  Date.now = () => now() + 60_000
})
test.after(() => {
  Date.now = now
  dropAhead()
})

const patterns = ['src/**/*.ts', 'ünïcode/*', '!src/**/left-out.ts']
const folders = 30
const filesEach = 90

test('what is found beside this process is what it would find itself, whatever happens to the files', async () => {
  const folder = temporaryFolder()
  const path = (name: string) => join(folder, name)
  const file = (part: number, at: number) => path(`src/part${part}/file${at}.ts`)
  for (let part = 0; part < folders; part += 1) {
    mkdirSync(path(`src/part${part}`), { recursive: true })
    for (let at = 0; at < filesEach; at += 1) writeFileSync(file(part, at), `${part} ${at}`)
  }
  mkdirSync(path('ünïcode'))
  for (const name of ['-print', 'a b', "'$HOME'", 'new\nline']) writeFileSync(path(`ünïcode/${name}`), name)
  /** Waits until what changes from now on has other times than what changed before: the system's are coarse. */
  const tick = () => {
    writeFileSync(path('tick'), '')
    const { ctimeNs } = statSync(path('tick'), { bigint: true })
    while (statSync(path('tick'), { bigint: true }).ctimeNs === ctimeNs) chmodSync(path('tick'), 0o600)
  }
  mkdirSync(path('.ops/cache'), { recursive: true })
  const cacheFile = path('.ops/cache/files')
  const anew = () => readInputs(patterns, folder, new StatCache(path('none')))
  const first = new StatCache(cacheFile)
  assert.is(readInputs(patterns, folder, first).digest, anew().digest)
  first.save()
  if (!existsSync(path('.ops/cache/looks'))) return note('on this file system, nothing is looked at beside')
  let found = 0
  const look = async (what: string) => {
    tick()
    const cache = new StatCache(cacheFile)
    const { digest: before = '' } = cache.list(JSON.stringify([folder, patterns])) ?? {}
    const beside = await findInputs(patterns, folder, cache, before)
    if (beside.found) found += 1
    const inputs = readInputs(patterns, folder, cache, beside.found)
    const expected = anew()
    assert.is(inputs.digest, expected.digest, what)
    assert.equal(inputs.paths, expected.paths, what)
    cache.save()
    tick()
  }
  await look('nothing')
  if (found === 0) return note('there is no find here that reads paths from a file')
  const { ino } = statSync(file(3, 7))
  const changes: Record<string, () => void> = {
    'nothing, once more': () => {},
    'a file is longer': () => appendFileSync(file(3, 7), 'more'),
    'the same size and mtime, another content': () => {
      const { atime, mtime } = statSync(file(0, 0))
      writeFileSync(file(0, 0), '1 1')
      utimesSync(file(0, 0), atime, mtime)
    },
    'the last one': () => writeFileSync(path('ünïcode/new\nline'), 'another line'),
    'a file is replaced by another of its content': () => {
      writeFileSync(path('other'), 'other')
      renameSync(path('other'), file(3, 7))
      assert.is.not(statSync(file(3, 7)).ino, ino)
    },
    'two change places': () => {
      renameSync(file(4, 4), path('aside'))
      renameSync(file(4, 5), file(4, 4))
      renameSync(path('aside'), file(4, 5))
    },
    'one may be executed': () => chmodSync(file(5, 5), 0o755),
    'one goes': () => rmSync(file(6, 6)),
    'one comes': () => writeFileSync(path('src/part7/new.ts'), 'new'),
    'one becomes a folder': () => {
      rmSync(file(8, 8))
      mkdirSync(file(8, 8))
    },
    'one becomes a link': () => {
      renameSync(file(9, 9), path('elsewhere'))
      symlinkSync(path('elsewhere'), file(9, 9))
    },
    'very many': () => {
      for (const name of readdirSync(path('src/part10'))) appendFileSync(path(`src/part10/${name}`), '!')
      for (const name of readdirSync(path('src/part29'))) appendFileSync(path(`src/part29/${name}`), '!')
      for (const name of readdirSync(path('src/part28'))) appendFileSync(path(`src/part28/${name}`), '!')
    },
    'what was seen is damaged': () => {
      const looks = path('.ops/cache/looks')
      for (const name of readdirSync(looks)) if (name.endsWith('.seen')) writeFileSync(join(looks, name), 'x')
    },
    'what is noted of changes is lost': () => rmSync(`${cacheFile}.news`, { force: true }),
    'all notes are lost': () => rmSync(cacheFile),
  }
  for (const [what, change] of Object.entries(changes)) {
    change()
    await look(what)
    await look(`${what}, and nothing more`)
  }
  assert.ok(found > Object.keys(changes).length, `${found} looks beside`)
  note(`${found} of ${Object.keys(changes).length * 2 + 1} looks beside this process`)
})

test('an older note with a newer look does not count', async () => {
  const folder = temporaryFolder()
  const path = (name: string) => join(folder, name)
  mkdirSync(path('src'))
  for (let at = 0; at < 2600; at += 1) writeFileSync(path(`src/${at}`), String(at))
  mkdirSync(path('.ops/cache'), { recursive: true })
  const file = path('.ops/cache/files')
  const look = async (cache: StatCache) => {
    const { found } = await findInputs(['src/*'], folder, cache)
    const { digest } = readInputs(['src/*'], folder, cache, found)
    cache.save()
    return digest
  }
  const before = await look(new StatCache(file))
  await look(new StatCache(file))
  // Has read what is noted, and writes it once more when others have noted something else.
  const late = new StatCache(file)
  assert.is(await look(late), before)
  writeFileSync(path('src/7'), 'another')
  const after = await look(new StatCache(file))
  assert.is.not(after, before)
  await look(new StatCache(file))
  writeFileSync(path('more'), 'more')
  readInputs(['more'], folder, late).digest
  late.save()
  assert.is(await look(new StatCache(file)), after)
})

test('a look that was ended is followed by a whole one; one of what is gone, or without find, is short', async () => {
  const folder = temporaryFolder()
  const list = join(folder, 'list')
  writeFileSync(list, Array.from({ length: 20_000 }, () => './.\0').join(''))
  const finder = findStates([list, list], folder, join(folder, 'scratch'))
  await until(
    () =>
      finder
        .look()
        .soFar()
        .some(({ length }) => length > 0),
    { what: 'the first lines' },
  )
  finder.stop()
  await finder.look().found
  assert.ok(finder.again())
  const whole = await finder.look().found
  assert.is(whole?.length, 40_000 * 64)
  writeFileSync(list, './gone\0./.\0')
  finder.again()
  assert.is((await finder.look().found)?.length, 2 * 64)
  rmSync(list)
  finder.again()
  assert.is((await finder.look().found)?.length, 0)
})

test.run()
