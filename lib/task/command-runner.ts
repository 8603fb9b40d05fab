import type { ChildProcess, StdioOptions } from 'node:child_process'
import { createRequire } from 'node:module'
import { basename, delimiter, dirname, join } from 'node:path'
import type { ByteRedaction, Redactor } from '../log/redact.ts'
import type { Place } from '../model/failure.ts'
import type { Secret } from '../model/secret.ts'
import type { Environment } from '../system/marks.ts'
import { findProgram } from '../system/programs.ts'
import { spawnWatched, type WatchedChild } from '../system/watched-child.ts'
import { commandOrigins } from './command-origin.ts'
import { callerPlace } from './place.ts'
import type { Command, Shell, ShellOptions } from './shell.ts'
import { quoteWord } from './shell-quote.ts'

/** What the commands of a task are bound to. */
export type CommandRunnerOptions = {
  /** Their working folder, unless they say another. */
  folder: string
  env: Readonly<Record<string, string | undefined>>
  /** Aborting it ends them all. */
  signal: AbortSignal
  /** Told of each command's text, and of its output as it comes; both without the secrets that were handed to commands. */
  onCommand(text: string): void
  onOutput(stream: 'stdout' | 'stderr', data: Uint8Array): void
  /** Told when a command gets the terminal itself (`stdio: 'inherit'`), and when it has ended. */
  onTerminal?(lent: boolean): void
  /** Takes in the secrets that are handed to commands. */
  redactor: Redactor
  /** stdout is for something else (JSON): a command that inherits it gets stderr. */
  stdoutTaken?: boolean
  /** From TERM to KILL, in milliseconds; default 5,000. */
  graceMs?: number
}

/** The `$` of one task run, and the end of what it has started. */
export type CommandRunner = {
  $: Shell
  /** Ends the commands that still run, and waits until they are gone. Gives their texts. */
  end(): Promise<string[]>
}

/** What zx hands to `spawn`. */
type SpawnOptions = { cwd?: string; env?: object; shell?: unknown; stdio?: StdioOptions; signal?: AbortSignal }

/** The part of zx that is used here; its own types want packages that this one does not need. */
type Zx = { $: (options: object) => (...call: unknown[]) => ZxPromise }
type ZxPromise = Command & {
  finalize?(output: object, legacy?: boolean): unknown
  output: object | null
  isVerbose(): boolean
  run(): unknown
  emit(...event: unknown[]): unknown
  write(...data: unknown[]): unknown
  child?: ChildProcess
}
type LogEntry = { kind: string; id?: string; cmd?: string; data?: Uint8Array; verbose?: boolean }

const require = createRequire(import.meta.url)

/**
 * Makes the `$` of a task run: zx's, with options of its own instead of zx's global ones, which all scripts of a process share. Every
 * command is the leader of a process group that ends with the task, with `signal`, and with this process, however that ends.
 */
export function createCommandRunner(options: CommandRunnerOptions): CommandRunner {
  const { folder, signal, graceMs = 5000 } = options
  const live = new Map<WatchedChild, string>()
  const endings = new Set<Promise<unknown>>()
  const report = reporter(options)
  let preset: object | undefined

  const spawnInGroup = (text: string, _: readonly string[], how: SpawnOptions): ChildProcess => {
    const stdio = options.stdoutTaken ? withoutStdout(how.stdio ?? 'pipe') : (how.stdio ?? 'pipe')
    const lent = writesItself(stdio)
    if (lent) options.onTerminal?.(true)
    const watched = spawnWatched(String(how.shell), [...quietStart(how.shell), '-c', text], {
      cwd: how.cwd,
      env: how.env as Environment,
      stdio,
      graceMs,
    })
    if (lent) void watched.exited.then(() => options.onTerminal?.(false))
    const signals = [signal, how.signal].filter((one) => one !== undefined)
    const end = () => void endings.add(watched.end())
    live.set(watched, text)
    for (const one of signals) one.addEventListener('abort', end, { once: true })
    if (signals.some(({ aborted }) => aborted)) end()
    void watched.exited.then(() => {
      live.delete(watched)
      for (const one of signals) one.removeEventListener('abort', end)
    })
    return watched.child
  }

  const makePreset = (): object => {
    const bash = findProgram('bash', options.env as Environment, folder)
    return {
      cwd: folder,
      env: withLocalPrograms(options.env, folder),
      shell: bash ?? '/bin/sh',
      prefix: bash ? 'set -euo pipefail;' : 'set -eu;',
      quote: quoteWord,
      verbose: true,
      detached: true,
      spawn: spawnInGroup,
      log: report,
    }
  }

  const shellWith = (own: ShellOptions & { halt?: boolean }): Shell => {
    const call = (first: TemplateStringsArray | ShellOptions, ...values: unknown[]): Command | Shell => {
      if (!Array.isArray(first)) return shellWith({ ...own, ...(first as ShellOptions) })
      const place = callerPlace()
      preset ??= makePreset()
      const zx = require('zx/core') as Zx
      const env = own.env ? { env: withLocalPrograms(own.env, folder) } : {}
      const command = zx.$({ ...preset, ...own, ...env })(
        first,
        ...values.map((value) => revealed(value, options.redactor)),
      )
      noteOrigin(command, place, own.cwd ?? folder, options.redactor)
      return adopt(command, own, shellWith)
    }
    return call as Shell
  }

  return {
    $: shellWith({}),
    async end() {
      const running = [...live]
      for (const [watched] of running) endings.add(watched.end())
      await Promise.all([...endings, ...running.map(([{ exited }]) => exited)])
      return running.map(([, text]) => text)
    },
  }
}

/** Whether a command has standard output or error of this process. */
const writesItself = (stdio: StdioOptions): boolean =>
  (typeof stdio === 'string' ? [stdio] : stdio.slice(1)).some((one) => one === 'inherit' || one === 1 || one === 2)

/** The same with stderr in the place of an inherited stdout. */
function withoutStdout(stdio: StdioOptions): StdioOptions {
  const [stdin, stdout, stderr] = typeof stdio === 'string' ? [stdio, stdio, stdio] : stdio
  return [stdin, stdout === 'inherit' || stdout === 1 ? 2 : stdout, stderr]
}

/** Notes of what a command's output (its error, when it fails) is the output; zx's own note names this file. */
function noteOrigin(command: ZxPromise, place: () => Place | undefined, folder: string, redactor: Redactor): void {
  const { finalize } = command
  if (typeof finalize !== 'function') return
  const note = (output: object) =>
    commandOrigins.set(output, {
      text: redactor.text(String((command as { cmd?: unknown }).cmd ?? '')),
      place: place(),
      folder,
      shown: command.isVerbose(),
      redact: (plain) => redactor.text(plain),
    })
  // What cannot even be spawned has ended already.
  if (command.output) note(command.output)
  const keep = (output: object, legacy?: boolean): unknown => {
    note(output)
    return finalize.call(command, output, legacy)
  }
  Object.defineProperty(command, 'finalize', { value: keep })
}

/**
 * Makes a command of zx one of this `$`: `` .pipe`next` `` starts the next one with the same options (zx takes its global ones), and
 * its stdin ends when nobody has touched it in the moment after the start (zx leaves it open, and `cat` would wait for ever).
 */
function adopt(
  command: ZxPromise,
  own: ShellOptions & { halt?: boolean },
  shellWith: (options: ShellOptions & { halt?: boolean }) => Shell,
): Command {
  let touched = own.halt === true || own.input !== undefined
  const touch = <Value>(value: Value): Value => {
    touched = true
    return value
  }
  const { run, emit, write } = command
  const prototype = Object.getPrototypeOf(command) as object
  const original = (name: string): unknown => Reflect.get(prototype, name, command)
  const pipeFrom =
    (pipe: (...call: unknown[]) => unknown) =>
    (destination: unknown, ...values: unknown[]) => {
      const isTemplate = Array.isArray(destination) && 'raw' in destination
      if (!isTemplate) return pipe.call(command, destination, ...values)
      const { input: _, ...rest } = own
      return pipe.call(
        command,
        shellWith({ ...rest, halt: true })(destination as unknown as TemplateStringsArray, ...values),
      )
    }
  Object.defineProperties(command, {
    run: { value: () => touch(run.call(command)) },
    emit: { value: (...event: unknown[]) => touch(emit.apply(command, event)) },
    write: { value: (...data: unknown[]) => touch(write.apply(command, data)) },
    stdin: { get: () => touch(original('stdin')) },
    pipe: {
      get: () => {
        const pipe = original('pipe') as Record<'stdout' | 'stderr' | 'stdall', (...call: unknown[]) => unknown> &
          ((...call: unknown[]) => unknown)
        return Object.assign(pipeFrom(pipe), {
          stdout: pipeFrom(pipe.stdout),
          stderr: pipeFrom(pipe.stderr),
          stdall: pipeFrom(pipe.stdall),
        })
      },
    },
  })
  setImmediate(() => {
    if (!touched) command.child?.stdin?.end()
  })
  return command
}

/** bash takes a socket as stdin (a pipe of Node's is one) for a remote shell, and would read the user's ~/.bashrc. */
const quietStart = (shell: unknown): string[] => (basename(String(shell)) === 'bash' ? ['--norc'] : [])

/** Tells of commands and outputs. Each output is redacted on its own, because a secret may be split over its pieces. */
function reporter({ onCommand, onOutput, redactor }: CommandRunnerOptions): (entry: LogEntry) => void {
  const streams = new Map<string, ByteRedaction>()
  const ended = new Set<string>()
  return ({ kind, id = '', cmd, data, verbose }) => {
    // zx adds a line break to an output that has none at its end; bytes are shown as they are.
    if (ended.has(id)) return
    if (kind === 'cmd' && verbose) onCommand(redactor.text(cmd ?? ''))
    if ((kind === 'stdout' || kind === 'stderr') && verbose && data) {
      const key = `${kind} ${id}`
      const stream = streams.get(key) ?? redactor.byteStream()
      streams.set(key, stream)
      const shown = stream.write(data)
      if (shown.length > 0) onOutput(kind, shown)
    }
    if (kind !== 'end') return
    ended.add(id)
    for (const stream of ['stdout', 'stderr'] as const) {
      const rest = streams.get(`${stream} ${id}`)?.end()
      if (rest?.length) onOutput(stream, rest)
      streams.delete(`${stream} ${id}`)
    }
  }
}

/** Secrets are handed over by value: as text they would be `[redacted]`. */
function revealed(value: unknown, redactor: Redactor): unknown {
  if (Array.isArray(value)) return value.map((one) => revealed(one, redactor))
  const { reveal } = (value ?? {}) as { reveal?: unknown }
  if (typeof reveal !== 'function') return value
  redactor.add(value as Secret)
  return reveal.call(value) as string
}

/** The environment with the programs that packages bring first on the PATH, as `npm run` has it. */
function withLocalPrograms(env: Readonly<Record<string, string | undefined>>, folder: string): Environment {
  const folders: string[] = []
  for (let at = folder; ; at = dirname(at)) {
    folders.push(join(at, 'node_modules', '.bin'))
    if (dirname(at) === at) break
  }
  const defined = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined)
  return { ...Object.fromEntries(defined), PATH: [...folders, env.PATH ?? ''].join(delimiter) }
}
