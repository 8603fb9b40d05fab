/**
 * uvu, as tests see it: the runner aliases `uvu` to this module, which hands everything to the real one and tells the runner what was
 * declared, what was run and how it ended. uvu 0.5.6 alone exits 0 when a hook throws, `.run()` is forgotten or a promise never settles.
 */
import { inspect } from 'node:util'
import { type Callback, type Test, suite as uvuSuite } from 'uvu'
import { bounded, lingeringMs, report, Skip } from './session.ts'

let declared = 0
let unfinished = 0
let inBody = 0

/** Makes a suite; see uvu. */
export function suite<T = Record<string, unknown>>(title = '', context?: T): Test<T> {
  const inner = uvuSuite<T>(title, context)
  let pending: { id: number; only: boolean }[] = []
  let skipped: Skip | undefined

  const declare = (name: string, only: boolean) => {
    const id = ++declared
    pending.push({ id, only })
    report({ type: 'declared', id, suite: title, name })
    return id
  }
  const skipTest = (id: number, skip: Skip) =>
    report({ type: 'skipped', id, reason: skip.message, allowedOnCi: skip.allowedOnCi })

  const guard = (name: string, id: number, body: Callback<T>): Callback<T> =>
    async function guarded(state) {
      if (skipped) return skipTest(id, skipped)
      inBody++
      try {
        await bounded(name, id, () => body(state))
        report({ type: 'passed', id })
      } catch (error) {
        if (error instanceof Skip) return skipTest(id, error)
        report({ type: 'failed', id, text: describe(error) })
        throw error instanceof Error ? error : new Error(inspect(error))
      } finally {
        inBody--
      }
    }

  const hook = (kind: string) => (body: Callback<T>) => {
    const register = { before: inner.before, after: inner.after }[kind.split(' ')[0] as 'before' | 'after']
    const guarded: Callback<T> = async (state) => {
      if (skipped && kind !== 'after') return
      inBody++
      try {
        await bounded(`${kind} hook`, undefined, () => body(state))
      } catch (error) {
        if (error instanceof Skip && kind === 'before') {
          skipped = error
          return
        }
        report({ type: 'hook-failed', suite: title, hook: kind, text: describe(error) })
        throw error
      } finally {
        inBody--
      }
    }
    if (kind.endsWith('each')) register.each(guarded)
    else register(guarded)
  }

  const test = (name: string, body: Callback<T>) => inner(name, guard(name, declare(name, false), body))
  test.only = (name: string, body: Callback<T>) => inner.only(name, guard(name, declare(name, true), body))
  test.skip = (name = 'unnamed') => {
    skipTest(declare(name, false), new Skip('marked test.skip', false))
    pending.pop()
    inner.skip()
  }
  test.before = Object.assign(hook('before'), { each: hook('before each') })
  test.after = Object.assign(hook('after'), { each: hook('after each') })
  test.run = () => {
    const chosen = pending.some(({ only }) => only) ? pending.filter(({ only }) => only) : pending
    report({ type: 'queued', ids: chosen.map(({ id }) => id) })
    const excluded = pending.filter((entry) => !chosen.includes(entry))
    if (excluded.length > 0) report({ type: 'excluded', ids: excluded.map(({ id }) => id) })
    pending = []
    unfinished++
    inner.after(() => {
      if (--unfinished === 0) tellWhatLingers()
    })
    inner.run()
  }
  return test
}

/** The default suite; see uvu. */
export const test: Test = suite()

/** An error for people: message, difference, and the stack without the frames of Node, uvu and this module. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw a value that is no Error: ${inspect(error)}`
  const { details } = error as { details?: unknown }
  const isAssertion = error.constructor.name === 'Assertion'
  const text = isAssertion
    ? [error.message, ...(details ? [details] : []), frames(error.stack)].join('\n')
    : inspect(error, { depth: 8 })
  return text.replace(
    /^.*(?:\(|at )(?:async )?(?:node:|.*[/\\](?:uvu[/\\]|support[/\\](?:uvu|session)\.ts)).*\n?/gm,
    '',
  )
}

const frames = (stack = '') => stack.slice(Math.max(0, stack.search(/^ {4}at /m)))

/** Only said when the process is still there a while after its last suite: the timer does not keep it. */
function tellWhatLingers() {
  setTimeout(() => report({ type: 'lingering', resources: process.getActiveResourcesInfo() }), lingeringMs).unref()
}

// uvu prints dots, totals and failures itself; the runner prints its own, so uvu's are dropped and what a test prints is kept.
const write = process.stdout.write.bind(process.stdout)
process.stdout.write = ((...args: Parameters<typeof write>) => {
  const isUvu = inBody === 0 && typeof args[0] === 'string' && uvuOutput.test(args[0])
  return isUvu || write(...args)
}) as typeof write
const uvuOutput = /^(?:[•✘] |\s+\(\d+ \/ \d+\)\n| [^\n]+ $|\n+ {2} ?FAIL |\n {2}(?:Total|Passed|Skipped|Duration): )/
