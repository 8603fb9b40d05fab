// @ts-check
/**
 * Measures programs as their users do: wall time from the start to the end of the process, medians over alternating runs, and claims
 * that are computed within each round, so that what the machine does meanwhile hits all of its runs alike.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * A program to measure. `before` runs ahead of each start and is not measured. `status` is the exit status that it must have (0).
 *
 * @typedef {{
 *   name: string, argv: readonly [string, ...string[]], cwd?: string, env?: Record<string, string | undefined>,
 *   before?: (round: number) => void, status?: number,
 * }} Case
 */

/** The times of a case in milliseconds. @typedef {{ name: string, median: number, least: number, most: number, all: number[] }} Times */

/**
 * What is to hold: `value` is computed from the times of one round, and the median of it over all rounds is at most `atMost`.
 *
 * @typedef {{ text: string, value: (ms: (name: string) => number) => number, atMost: number, unit?: '×' | 'ms' | 'MB' }} Claim
 */

/** A claim and what came out. @typedef {{ text: string, value: number, atMost: number, unit: string, holds: boolean }} Verdict */

/** A table of the report. @typedef {{ title: string, times: Times[], verdicts: Verdict[], notes: string[], unit?: string }} Table */

/** Never fewer rounds than this. */
export const fewestRounds = 15

/**
 * The environment of what is measured: without what slows every start of Node and says nothing about the program, without colours and
 * without the runners' own settings.
 *
 * @param {Record<string, string | undefined>} [more]
 * @returns {NodeJS.ProcessEnv}
 */
export function cleanEnvironment(more = {}) {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:NODE_EXTRA_CA_CERTS|NODE_OPTIONS|CI|FORCE_COLOR|npm_.*|OPS_.*|VITAL_OPS_.*)$/i.test(name),
  )
  return { ...Object.fromEntries(kept), ...more }
}

/**
 * The wall time of one start, in milliseconds.
 *
 * @param {Case} one
 * @param {number} [round]
 * @throws when it ends with another status than it must
 */
export function once({ name, argv, cwd, env, before, status: wanted = 0 }, round = 0) {
  before?.(round)
  const [program, ...args] = argv
  /** @type {import('node:child_process').SpawnSyncOptionsWithStringEncoding} */
  const options = { stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 1 << 28, encoding: 'utf8' }
  const begun = process.hrtime.bigint()
  const { status, error, stdout, stderr } = spawnSync(program, args, { ...options, cwd, env: cleanEnvironment(env) })
  const ms = Number(process.hrtime.bigint() - begun) / 1e6
  if (error) throw new Error(`${name} cannot be started: ${error.message}`)
  if (status !== wanted)
    throw new Error(`${name} ended with status ${status}:\n${stdout.slice(-2000)}${stderr.slice(-2000)}`)
  return ms
}

/**
 * Waits until files that were just written are older than two seconds: who goes by times does not trust younger ones, and nobody's Taskfile
 * stays that young.
 */
export function settle() {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2200)
}

/** @param {readonly number[]} numbers */
export const median = (numbers) => {
  const sorted = [...numbers].sort((a, b) => a - b)
  const middle = sorted.length >> 1
  return sorted.length % 2 === 1 ? (sorted[middle] ?? 0) : ((sorted[middle - 1] ?? 0) + (sorted[middle] ?? 0)) / 2
}

/**
 * Runs all cases once unmeasured, then round by round in an order that turns by one each round, and judges the claims.
 *
 * @param {string} title
 * @param {readonly Case[]} cases
 * @param {{ rounds?: number, fewest?: number, claims?: readonly Claim[], notes?: readonly string[] }} [options] `fewest`: where each start takes
 *   seconds, fewer rounds say as much
 * @returns {Table}
 */
export function compare(title, cases, { rounds = fewestRounds, fewest = fewestRounds, claims = [], notes = [] } = {}) {
  // Twice: what the first start builds, the second one may still have to note.
  for (const one of [...cases, ...cases]) once(one, -1)
  /** @type {Map<string, number>[]} */
  const measured = []
  for (let round = 0; round < Math.max(rounds, fewest); round += 1) {
    /** @type {Map<string, number>} */
    const times = new Map()
    for (let at = 0; at < cases.length; at += 1) {
      const one = /** @type {Case} */ (cases[(at + round) % cases.length])
      times.set(one.name, once(one, round))
    }
    measured.push(times)
  }
  const times = cases.map(({ name }) => {
    const all = measured.map((round) => /** @type {number} */ (round.get(name)))
    return { name, median: median(all), least: Math.min(...all), most: Math.max(...all), all }
  })
  return { title, times, verdicts: claims.map((claim) => judge(claim, measured)), notes: [...notes] }
}

/**
 * @param {Claim} claim
 * @param {readonly Map<string, number>[]} measured
 * @returns {Verdict}
 */
function judge({ text, value, atMost, unit = '×' }, measured) {
  const values = measured.map((round) =>
    value((name) => {
      const ms = round.get(name)
      if (ms === undefined) throw new Error(`claim "${text}" asks for ${name}, which was not measured`)
      return ms
    }),
  )
  const found = median(values)
  return { text, value: found, atMost, unit, holds: found <= atMost }
}

/**
 * The claim that one case takes at most so many times as long as another.
 *
 * @param {string} own
 * @param {string} other
 * @param {number} atMost
 * @returns {Claim}
 */
export const ratio = (own, other, atMost) => ({
  text: `${own} ÷ ${other}`,
  value: (ms) => ms(own) / ms(other),
  atMost,
})

/**
 * The claims that one case is below each of others.
 *
 * @param {string} own
 * @param {readonly string[]} others
 * @returns {Claim[]}
 */
export const below = (own, others) => others.map((other) => ratio(own, other, 1))

/**
 * The most memory that a program of Node had resident, in megabytes (2²⁰ bytes).
 *
 * @param {Case} one whose program is Node
 */
export function residentMegabytes(one) {
  const file = join(tmpdir(), `vital-ops-bench-${process.pid}-memory`)
  const hook = fileURLToPath(new URL('./memory.cjs', import.meta.url))
  once({ ...one, env: { ...one.env, NODE_OPTIONS: `--require=${hook}`, BENCH_MEMORY: file } })
  const kilobytes = Number(readFileSync(file, 'utf8'))
  rmSync(file)
  return kilobytes / 1024
}
