/*
 * What a Taskfile imports from `vital-ops/zx`: helpers of zx (https://google.github.io/zx). zx takes longer to load than most tasks run, so it is
 * loaded when the first of them is used. `$` is not among them: a task is given its own, and `within` is for that one. Nor is `cd`, which changes what all
 * tasks of the process share: `$.cwd = …` in a `within` is for one scope, `$({ cwd })` for one command.
 */
import { createRequire } from 'node:module'
import type * as Zx from 'zx'

export { within } from './task/shell-scope.ts'

const require = createRequire(import.meta.url)

let known: typeof Zx | undefined

function zx(): typeof Zx {
  known ??= require('zx') as typeof Zx
  return known
}

/** Stands for one of zx's exports until that is called, or one of its members is asked for. */
function later<Name extends keyof typeof Zx>(name: Name): (typeof Zx)[Name] {
  const real = () => zx()[name] as unknown as object
  return new Proxy(() => {}, {
    apply: (_, self, words) => Reflect.apply(real() as (...words: unknown[]) => unknown, self, words),
    get: (_, member) => Reflect.get(real(), member),
    has: (_, member) => Reflect.has(real(), member),
  }) as unknown as (typeof Zx)[Name]
}

/** Files by patterns (globby). */
export const glob: typeof Zx.glob = later('glob')
/** fs-extra: `node:fs/promises` with `copy`, `remove`, `readJson` and more. */
export const fs: typeof Zx.fs = later('fs')
/** Node's `fetch`, with `.pipe` to a command. */
export const fetch: typeof Zx.fetch = later('fetch')
/** Asks on the terminal; a task that is to fail without one has `ask`. */
export const question: typeof Zx.question = later('question')
/** Waits: `sleep('1s')`, `sleep(1000)`. */
export const sleep: typeof Zx.sleep = later('sleep')
/** Tries again: `retry(5, '1s', work)`, `retry(5, expBackoff(), work)`. */
export const retry: typeof Zx.retry = later('retry')
/** The pauses of `retry` that grow. */
export const expBackoff: typeof Zx.expBackoff = later('expBackoff')
/** Shows a spinner while it works. */
export const spinner: typeof Zx.spinner = later('spinner')
/** Writes and prints. */
export const echo: typeof Zx.echo = later('echo')
/** Reads all of stdin. */
export const stdin: typeof Zx.stdin = later('stdin')
/** Finds a program. */
export const which: typeof Zx.which = later('which')
/** Colours. */
export const chalk: typeof Zx.chalk = later('chalk')
/** YAML as text and back. */
export const YAML: typeof Zx.YAML = later('YAML')
/** Makes a temporary folder. */
export const tmpdir: typeof Zx.tmpdir = later('tmpdir')
/** Makes a temporary file. */
export const tmpfile: typeof Zx.tmpfile = later('tmpfile')
