import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { type Ended, processesWith, repository, run, start, temporaryFolder, until } from './index.ts'

const head = "import { suite, test } from 'uvu'\nimport * as assert from 'uvu/assert'\n"

/** Writes test files into a folder of this repository, so that they find its packages. Paths are relative to the folder's `test/`. */
function suites(files: Record<string, string>): string {
  const parent = join(repository, '.cache', 'runner-tests')
  mkdirSync(parent, { recursive: true })
  const root = temporaryFolder({ parent })
  mkdirSync(join(root, 'test'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, 'test', path)), { recursive: true })
    writeFileSync(join(root, 'test', path), head + text)
  }
  return root
}

const command = (root: string, args: string[]): [string, ...string[]] => [
  process.execPath,
  join(repository, 'test', 'support', 'run.mjs'),
  '--root',
  root,
  ...args,
]
const runSuites = (root: string, args: string[] = [], env: Record<string, string> = {}) =>
  run(command(root, args), { env })

const lastLine = ({ stdout }: Ended) => stdout.trimEnd().split('\n').at(-1)

/** Runs one test file and expects it to fail with these counts and words. */
async function fails(text: string, last: string, words: RegExp[], args: string[] = []): Promise<void> {
  const ended = await runSuites(suites({ 'a.test.ts': text }), args)
  assert.is(lastLine(ended), last, ended.stdout + ended.stderr)
  for (const word of words) assert.match(ended.stdout, word)
  assert.is(ended.status, 1)
}

test('passing tests end with the counts and status 0', async () => {
  const root = suites({
    'a.test.ts': "test('one', () => assert.is(1, 1))\ntest.run()",
    'b/b.test.ts': "const b = suite('b')\nb('two', async () => assert.ok(true))\nb.run()",
  })
  const ended = await runSuites(root)
  assert.is(ended.stdout.split('\n').at(-2), '2 passed, 0 failed')
  assert.is(ended.status, 0)
  assert.is(ended.stderr, '')
})

test('a failed assertion is shown with file, name, difference and the place in the source', () =>
  fails(
    "test('sum', () => {\n  console.log('hello from the test')\n  assert.equal({ a: 1 }, { a: 2 })\n})\ntest.run()",
    '0 passed, 1 failed',
    [/test\/a\.test\.ts › sum/, /"a":·1/, /"a":·2/, /a\.test\.ts:5:10/, /hello from the test/],
  ))

test('an error is shown with its cause', () =>
  fails(
    "test('x', () => { throw new Error('outer', { cause: new Error('inner') }) })\ntest.run()",
    '0 passed, 1 failed',
    [/outer/, /inner/],
  ))

test('a thrown value that is no error fails its test alone', () =>
  fails("test('x', () => { throw 'text' })\ntest('y', () => {})\ntest.run()", '1 passed, 1 failed', [/'text'/]))

test('a throwing before hook fails', () =>
  fails("test.before(() => { throw new Error('no server') })\ntest('x', () => {})\ntest.run()", '0 passed, 2 failed', [
    /before hook[\s\S]*no server/,
    /not run, because of the before hook/,
  ]))

test('a throwing before.each hook fails', () =>
  fails(
    "test.before.each(() => { throw new Error('broken') })\ntest('x', () => {})\ntest.run()",
    '0 passed, 2 failed',
    [/before each hook[\s\S]*broken/],
  ))

test('a throwing after.each hook fails, though its test passed', () =>
  fails(
    "test.after.each(() => { throw new Error('dirty') })\ntest('x', () => {})\ntest('y', () => {})\ntest.run()",
    '1 passed, 3 failed',
    [/after each hook[\s\S]*dirty/, /y\n {4}not run, because of the after each hook/],
  ))

test('a throwing after hook fails', () =>
  fails("test.after(() => { throw new Error('dirty') })\ntest('x', () => {})\ntest.run()", '1 passed, 1 failed', [
    /after hook[\s\S]*dirty/,
  ]))

test('a forgotten run() fails', () => fails("test('x', () => {})", '0 passed, 1 failed', [/declared, never run/]))

test('a suite that is not run fails beside one that is', () =>
  fails("test('x', () => {})\ntest.run()\nconst s = suite('s')\ns('y', () => {})", '1 passed, 1 failed', [
    /s: y\n {4}declared, never run/,
  ]))

test('a test that is declared after run() fails', () =>
  fails("test('x', () => {})\ntest.run()\ntest('late', () => {})", '1 passed, 1 failed', [/late\n {4}declared/]))

test('a promise that never settles fails at once, and the next test runs', () =>
  fails("test('x', () => new Promise(() => {}))\ntest('y', () => {})\ntest.run()", '1 passed, 1 failed', [
    /never settles/,
  ]))

test('a test beyond its limit fails, and the next test runs', () =>
  fails(
    "test('x', () => new Promise((r) => setTimeout(r, 30000)))\ntest('y', () => {})\ntest.run()",
    '1 passed, 2 failed',
    [/did not settle within its limit of 4000 ms/, /did not exit .* after its last test/],
    ['--limit', '4000', '--grace', '1000'],
  ))

test('a test may set its own limit', async () => {
  const text = `import { timeLimit } from '${repository}/test/support/session.ts'
    test('x', async () => { timeLimit(20000); await new Promise((r) => setTimeout(r, 4600)) })\ntest.run()`
  const ended = await runSuites(suites({ 'a.test.ts': text }), ['--limit', '4000'])
  assert.is(lastLine(ended), '1 passed, 0 failed')
})

test('a test that blocks its process is ended', () =>
  fails(
    "test('x', () => { for (;;); })\ntest.run()",
    '0 passed, 2 failed',
    [/"x" blocks the event loop/, /x\n {4}did not end before its process did/],
    ['--limit', '4000', '--grace', '1000'],
  ))

test('a file that does not exit is ended, with what keeps it', () =>
  fails(
    "import { createServer } from 'node:net'\ntest('x', () => { createServer().listen(0) })\ntest.run()",
    '1 passed, 1 failed',
    [/did not exit/, /TCPSERVERWRAP|TCPServerWrap/],
    ['--grace', '4000'],
  ))

test('a top level that never finishes fails', () =>
  fails(
    "test('x', () => {})\nsetInterval(() => {}, 1000)\nawait new Promise(() => {})\ntest.run()",
    '0 passed, 2 failed',
    [/top level did not finish/],
    ['--limit', '4000', '--grace', '1000'],
  ))

test('process.exit(0) within a test fails', () =>
  fails("test('x', () => process.exit(0))\ntest('y', () => {})\ntest.run()", '0 passed, 2 failed', [
    /x\n {4}did not end/,
    /y\n {4}not run/,
  ]))

test('an unhandled rejection fails the file', () =>
  fails("test('x', () => { Promise.reject(new Error('lost')) })\ntest.run()", '1 passed, 1 failed', [
    /ended with status 1/,
    /lost/,
  ]))

test('a file without tests fails', () => fails('test.run()', '0 passed, 1 failed', [/declares no test/]))

test('a file that does not compile fails, and the others run', async () => {
  const root = suites({ 'a.test.ts': 'const = 1', 'b.test.ts': "test('x', () => {})\ntest.run()" })
  const ended = await runSuites(root)
  assert.is(lastLine(ended), '1 passed, 1 failed')
  assert.match(ended.stdout, /a\.test\.ts[\s\S]*cannot be bundled[\s\S]*a\.test\.ts:3:6/)
  assert.is(ended.status, 1)
})

test('tests that `only` leaves out fail', () =>
  fails("test.only('x', () => {})\ntest('y', () => {})\ntest.run()", '1 passed, 1 failed', [/y\n {4}left out/]))

test('a filter that matches nothing fails', async () => {
  const ended = await runSuites(suites({ 'a.test.ts': "test('x', () => {})\ntest.run()" }), ['zzz'])
  assert.is(lastLine(ended), '0 passed, 1 failed')
  assert.match(ended.stdout, /No test file matches: zzz/)
  assert.is(ended.status, 1)
})

test('filters and long suites choose the files', async () => {
  const one = "test('x', () => {})\ntest.run()"
  const root = suites({ 'a.test.ts': one, 'b.test.ts': one, 'c.long.test.ts': one })
  const counts = async (...args: string[]) => lastLine(await runSuites(root, args))
  assert.is(await counts(), '2 passed, 0 failed')
  assert.is(await counts('b.test'), '1 passed, 0 failed')
  assert.is(await counts('a.test', 'b.test'), '2 passed, 0 failed')
  assert.is(await counts('--long'), '3 passed, 0 failed')
  assert.is(await counts('--only-long'), '1 passed, 0 failed')
})

test('an unknown flag is refused with the usage', async () => {
  const ended = await runSuites(suites({}), ['--lnog'])
  assert.is(ended.status, 2)
  assert.match(ended.stderr, /--lnog[\s\S]*--only-long/)
})

const skipping = `import { skip } from '${repository}/test/support/session.ts'
  test('x', () => skip('redis-server is not installed'))
  test('y', () => {})\ntest.run()
  const s = suite('s')
  s.before(() => skip('no PostgreSQL'))
  s('z', () => { throw new Error('must not run') })
  s.run()`

test('skipped tests are counted with their reasons', async () => {
  const ended = await runSuites(suites({ 'a.test.ts': skipping }))
  assert.is(lastLine(ended), '1 passed, 0 failed, 2 skipped')
  assert.match(ended.stdout, /1 × redis-server is not installed/)
  assert.match(ended.stdout, /1 × no PostgreSQL/)
  assert.is(ended.status, 0)
})

test('what a test notes is shown though it passed', async () => {
  const text = `import { note } from '${repository}/test/support/session.ts'
    test('x', () => note('covered 3 of 3'))\ntest.run()`
  const ended = await runSuites(suites({ 'a.test.ts': text }))
  assert.match(ended.stdout, /^ok .*a\.test\.ts.*\n {5}covered 3 of 3$/m)
})

test('with CI=true a skip is a failure', async () => {
  const ended = await runSuites(suites({ 'a.test.ts': skipping }), [], { CI: 'true' })
  assert.is(lastLine(ended), '1 passed, 2 failed')
  assert.is(ended.status, 1)
})

test('a process that a file leaves behind fails it and is killed', async () => {
  const text = `import { spawn } from 'node:child_process'
    test('x', () => { spawn('sleep', ['4242'], { detached: true, stdio: 'ignore' }).unref() })\ntest.run()`
  const root = suites({ 'a.test.ts': text })
  const ended = await runSuites(root, ['--grace', '300'])
  assert.is(lastLine(ended), '1 passed, 1 failed')
  assert.match(ended.stdout, /left processes running[\s\S]*\d+ sleep 4242/)
  assert.equal(await processesWith('sleep 4242'), [])
})

test('an interrupted run ends its test processes, what they started, and leaves no folder', async () => {
  const root = suites({
    'a.test.ts': `import { spawn } from 'node:child_process'
      test('x', () => {
        spawn('sleep', ['4243'], { detached: true, stdio: 'ignore' })
        return new Promise((r) => setTimeout(r, 50000))
      })\ntest.run()`,
    'b.test.ts': "test('y', () => {})\ntest.run()",
  })
  const temporary = temporaryFolder()
  const runner = start(command(root, ['--jobs', '1', '--grace', '300']), { env: { TMPDIR: temporary } })
  await until(async () => (await processesWith('sleep 4243')).length === 1, { what: 'the test to run' })
  assert.is(readdirSync(temporary).length, 1)
  process.kill(runner.pid, 'SIGINT')
  const ended = await runner.ended
  assert.is(ended.signal, 'SIGINT')
  assert.not.match(ended.stdout, 'b.test.ts')
  assert.equal(await processesWith('sleep 4243'), [])
  assert.equal(await processesWith(`${root}/.cache/tests/`), [])
  assert.equal(readdirSync(`${root}/.cache/tests`), [])
  assert.equal(readdirSync(temporary), [])
})

test('a file that fails may be run once more, which is said; its second result counts', async () => {
  const once = `import { existsSync, writeFileSync } from 'node:fs'
test('x', () => {
  const again = existsSync('.cache/second')
  writeFileSync('.cache/second', '')
  assert.ok(again, 'first try')
})
test('y', () => {})
test.run()`
  const root = suites({ 'a.test.ts': once, 'b.test.ts': "test('z', () => {})\ntest.run()" })
  const ended = await runSuites(root, ['--retries', '1'])
  assert.match(ended.stdout, /FAIL test\/a\.test\.ts {2}1 passed, 1 failed/)
  assert.match(ended.stdout, /first try/)
  assert.match(ended.stdout, /ok {3}test\/a\.test\.ts {2}2 passed, run again/)
  assert.match(ended.stdout, /Failed at first, passed when its file was run again alone:\n {2}test\/a\.test\.ts › x\n/)
  assert.is(lastLine(ended), '3 passed, 0 failed')
  assert.is(ended.status, 0)
})

test('what fails twice has failed, and many failures are not tried again', async () => {
  const fault = "test('x', () => assert.ok(false))\ntest.run()"
  const twice = await runSuites(suites({ 'a.test.ts': fault }), ['--retries', '1'])
  assert.is(twice.stdout.match(/^FAIL/gm)?.length, 2)
  assert.is(lastLine(twice), '0 passed, 1 failed')
  assert.is(twice.status, 1)
  const many = await runSuites(suites({ 'a.test.ts': fault, 'b.test.ts': fault }), ['--retries', '1'])
  assert.is(many.stdout.match(/^FAIL/gm)?.length, 2)
  assert.is(lastLine(many), '0 passed, 2 failed')
})

test.run()
