import { statSync } from 'node:fs'
import { constants } from 'node:os'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { type Environment, groupMark, newMark, withMark } from './marks.ts'
import { findProgram, programNotFound } from './programs.ts'

/** What is settled before a process is started: where its program is, its folder, its marked environment. */
export type Start = { program: string; cwd: string; env: Environment; mark: string }

/** How a process ended. Death by a signal is status 128 + its number, as a shell has it. */
export type ExitStatus = { status: number; signal?: NodeJS.Signals }

/** Checks what a start needs, so that each thing that is missing has its own failure and not the shell's. */
export function prepareStart(
  argv: readonly [string, ...string[]],
  options: { cwd?: string; env?: NodeJS.ProcessEnv; signal?: AbortSignal },
): Result<Start> {
  const cwd = options.cwd ?? process.cwd()
  const mark = newMark()
  const env = withMark(options.env ?? process.env, groupMark, mark)
  if (options.signal?.aborted) return failed(aborted(argv[0]))
  if (!statSync(cwd, { throwIfNoEntry: false })?.isDirectory()) return failed(folderNotFound(argv[0], cwd))
  const nul = [...argv, ...Object.values(env)].some((text) => text.includes('\0'))
  if (nul) return failed(notStarted(argv[0], 'an argument or environment variable contains a NUL character'))
  const program = findProgram(argv[0], env, cwd)
  return program === undefined ? failed(programNotFound(argv[0])) : ok({ program, cwd, env, mark })
}

/** A status as a shell has it, from what Node reports. */
export function exitStatus(code: number | null | undefined, signal: NodeJS.Signals | null | undefined): ExitStatus {
  if (!signal) return { status: code ?? 1 }
  return { status: 128 + constants.signals[signal], signal }
}

function folderNotFound(program: string, cwd: string): Failure {
  return { code: 'folder-not-found', message: `${program} cannot be started in ${cwd}`, why: 'there is no such folder' }
}

/** The failure of what was ended because its signal was aborted. */
export function aborted(program: string): Failure {
  return { code: 'aborted', message: `${program} was ended, because the command was interrupted` }
}

/** The failure of a start that the system refused. */
export function notStarted(program: string, why: string): Failure {
  return { code: 'process-not-started', message: `${program} could not be started`, why }
}
