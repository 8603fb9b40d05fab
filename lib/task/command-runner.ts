import type { StdioOptions } from 'node:child_process'
import { basename, delimiter, dirname, join, resolve } from 'node:path'
import type { ByteRedaction, Redactor } from '../log/redact.ts'
import type { Place } from '../model/failure.ts'
import type { Secret } from '../model/secret.ts'
import { gatePrefix } from '../system/gate.ts'
import { endGroup, type GroupScope } from '../system/groups.ts'
import { lendTerminal } from '../system/lent-terminal.ts'
import type { Environment } from '../system/marks.ts'
import { findProgram } from '../system/programs.ts'
import { runSync } from '../system/spawn-sync.ts'
import { spawnWatched, type WatchedChild } from '../system/watched-child.ts'
import { commandOrigins } from './command-origin.ts'
import type { CommandOptions } from './command-promise.ts'
import { callerPlace } from './place.ts'
import type { Command, CommandOutput, Shell, ShellOptions, SyncShell } from './shell.ts'
import { ShellCommand } from './shell-command.ts'
import { isTemplate } from './shell-pipe.ts'
import { quoteWord } from './shell-quote.ts'
import { SettableOptions, withProperties } from './shell-scope.ts'
import { runAtOnce } from './sync-command.ts'

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
  /** Told when a command gets the terminal itself (`stdio: 'inherit'`), and when it has ended. `alone`: it reads from it, too. */
  onTerminal?(lent: boolean, alone: boolean): void
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

/**
 * Makes the `$` of a task run. It is zx's in what it means and takes, and starts without loading that. Every command is the leader of a process
 * group that ends with the task, with `signal`, and with this process, however that ends.
 */
export function createCommandRunner(options: CommandRunnerOptions): CommandRunner {
  const { folder, signal, graceMs = 5000, redactor } = options
  const live = new Map<WatchedChild, string>()
  const endings = new Set<Promise<unknown>>()
  const left: GroupScope[] = []
  let known: { shell: string; prefix: string; env: Environment } | undefined

  const preset = () => {
    if (known) return known
    const bash = findProgram('bash', options.env as Environment, folder)
    known = {
      shell: bash ?? '/bin/sh',
      prefix: bash ? 'set -euo pipefail;' : 'set -eu;',
      env: withLocalPrograms(options.env, folder),
    }
    return known
  }

  const spawnInGroup = (text: string, own: CommandOptions): WatchedChild => {
    const { shell, env } = preset()
    const how = (own.stdio ?? 'pipe') as StdioOptions
    const stdio = options.stdoutTaken ? withoutStdout(how) : how
    const lent = writesItself(stdio)
    const takeBack = readsItself(stdio) ? lendTerminal() : undefined
    const isAlone = takeBack !== undefined
    // The command's own text is said before.
    if (lent) queueMicrotask(() => options.onTerminal?.(true, isAlone))
    const watched = spawnWatched(shell, [...quietStart(shell), '-c', gatePrefix + text], {
      waitsItself: true,
      cwd: folderOf(own),
      env: own.env ? withLocalPrograms(own.env, folder) : env,
      stdio,
      graceMs,
      foreground: isAlone,
    })
    if (takeBack) void watched.exited.then(takeBack)
    if (lent) void watched.exited.then(() => options.onTerminal?.(false, isAlone))
    const signals = [signal, own.signal].filter((one) => one !== undefined)
    const end = () => void endings.add(watched.end())
    live.set(watched, text)
    for (const one of signals) one.addEventListener('abort', end, { once: true })
    if (signals.some(({ aborted }) => aborted)) end()
    void watched.exited.then(() => {
      live.delete(watched)
      for (const one of signals) one.removeEventListener('abort', end)
    })
    return watched
  }

  const folderOf = (own: CommandOptions): string => (own.cwd === undefined ? folder : resolve(folder, own.cwd))

  /** Notes where an output is from, when it has ended. */
  const noteOrigin = (output: object, own: CommandOptions, text: () => string, place: PlaceOf, shown: boolean) =>
    commandOrigins.set(output, {
      text: redactor.text(text()),
      // To tell it, maps of sources are read.
      get place() {
        return place()
      },
      folder: folderOf(own),
      shown,
      redact: (said) => redactor.text(said),
    })

  const shellWith = (given: CommandOptions): Shell => {
    const settable = new SettableOptions(given)
    const call = (first: TemplateStringsArray | ShellOptions, ...values: unknown[]): Command | Shell => {
      const own = settable.now
      if (!isTemplate(first)) return shellWith({ ...own, ...first })
      const place = callerPlace()
      const text = commandText(first, values, redactor)
      const show = shownOutput(options)
      const all = { prefix: preset().prefix, ...own }
      let plain = typeof text === 'string' ? text : ''
      const command: ShellCommand = new ShellCommand(
        {
          spawn: (whole, stdio) => spawnInGroup(whole, { ...own, stdio }),
          onStart: () => options.onCommand(redactor.text(plain)),
          onOutput: show.give,
          onEnd(output) {
            show.end()
            noteOrigin(output, own, () => plain, place, command.isVerbose())
          },
          shellWith,
          place: () => placeOf(place()),
        },
        typeof text === 'string'
          ? text
          : text.then((settled) => {
              plain = settled
              return settled
            }),
        all,
      )
      return command
    }
    return withProperties(call, settable, { folder, env: options.env, sync: () => syncWith(settable.now) }) as Shell
  }

  const syncWith = (own: CommandOptions): SyncShell => {
    const call = (first: TemplateStringsArray | ShellOptions, ...values: unknown[]): CommandOutput | SyncShell => {
      if (!isTemplate(first)) return syncWith({ ...own, ...first })
      const place = callerPlace()
      const text = commandText(first, values, redactor)
      if (typeof text !== 'string') throw new TypeError('$.sync cannot wait for a promise among its values')
      const { shell, env, prefix } = preset()
      const show = shownOutput(options)
      signal.throwIfAborted()
      return runAtOnce({
        text,
        options: { prefix, ...own },
        place: () => placeOf(place()),
        run(whole, { stdio, ...how }) {
          const all = options.stdoutTaken ? withoutStdout(stdio) : stdio
          const ended = runSync(shell, quietStart(shell), whole, {
            cwd: folderOf(own),
            env: own.env ? withLocalPrograms(own.env, folder) : env,
            stdio: (typeof all === 'string' ? [all, all, all] : all) as never,
            ...how,
          })
          // What it has left behind ends with the task.
          left.push({ group: ended.pid, mark: ended.mark })
          return ended
        },
        onStart: () => options.onCommand(redactor.text(text)),
        onOutput: show.give,
        onEnd(output) {
          show.end()
          noteOrigin(output, own, () => text, place, own.quiet !== true && own.verbose !== false)
        },
      })
    }
    return call as SyncShell
  }

  return {
    $: shellWith({}),
    async end() {
      const running = [...live]
      for (const [watched] of running) endings.add(watched.end())
      for (const scope of left.splice(0)) endings.add(endGroup(scope, { graceMs }))
      await Promise.all([...endings, ...running.map(([{ exited }]) => exited)])
      return running.map(([, text]) => text)
    },
  }
}

type PlaceOf = () => Place | undefined

const placeOf = (place: Place | undefined): string | undefined =>
  place && [place.file, place.line, place.column].filter((part) => part !== undefined).join(':')

/** The text for the shell. What is interpolated is quoted; an array is several words; promises, also commands that run, are waited for. */
function commandText(
  pieces: TemplateStringsArray,
  values: readonly unknown[],
  redactor: Redactor,
): string | Promise<string> {
  if (values.some((value) => typeof (value as { then?: unknown } | undefined)?.then === 'function')) {
    return Promise.all(values).then((settled) => commandText(pieces, settled, redactor))
  }
  const word = (value: unknown) => quoteWord(wordOf(value, redactor))
  return pieces.reduce((text, piece, at) => {
    const value = values[at - 1]
    return `${text}${Array.isArray(value) ? value.map(word).join(' ') : word(value)}${piece}`
  })
}

/** A value as text: what a command printed without the line break at its end; secrets by value (as text they would be `[redacted]`). */
function wordOf(value: unknown, redactor: Redactor): string {
  const { stdout, reveal } = (value ?? {}) as { stdout?: unknown; reveal?: unknown }
  if (typeof stdout === 'string') return stdout.replace(/\n$/, '')
  if (typeof reveal !== 'function') return `${value}`
  redactor.add(value as Secret)
  return reveal.call(value) as string
}

/** Shows what a command prints. Each of its outputs is redacted on its own, because a secret may be split over its pieces. */
function shownOutput({ onOutput, redactor }: CommandRunnerOptions) {
  const streams = new Map<'stdout' | 'stderr', ByteRedaction>()
  return {
    give(name: 'stdout' | 'stderr', data: Uint8Array) {
      const stream = streams.get(name) ?? redactor.byteStream()
      streams.set(name, stream)
      const shown = stream.write(data)
      if (shown.length > 0) onOutput(name, shown)
    },
    end() {
      for (const [name, stream] of streams) {
        const rest = stream.end()
        if (rest.length > 0) onOutput(name, rest)
      }
    },
  }
}

/** Whether a command has standard output or error of this process. */
const writesItself = (stdio: StdioOptions): boolean =>
  (typeof stdio === 'string' ? [stdio] : stdio.slice(1)).some((one) => one === 'inherit' || one === 1 || one === 2)

/** Whether a command has standard input of this process. */
const readsItself = (stdio: StdioOptions): boolean => {
  const stdin = typeof stdio === 'string' ? stdio : stdio[0]
  return stdin === 'inherit' || stdin === 0
}

/** The same with stderr in the place of an inherited stdout. */
function withoutStdout(stdio: StdioOptions): StdioOptions {
  const [stdin, stdout, stderr] = typeof stdio === 'string' ? [stdio, stdio, stdio] : stdio
  return [stdin, stdout === 'inherit' || stdout === 1 ? 2 : stdout, stderr]
}

/** bash takes a socket as stdin (a pipe of Node's is one) for a remote shell, and would read the user's ~/.bashrc. */
const quietStart = (shell: unknown): string[] => (basename(String(shell)) === 'bash' ? ['--norc'] : [])

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
