import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import type { Failure } from '../model/failure.ts'
import { installHint } from './packages.ts'

/**
 * The absolute path of a program, found as execvp(3) would: a name with a slash from `cwd`, another one along `env.PATH`.
 * Undefined if there is none that may be executed.
 */
export function findProgram(
  name: string,
  env: NodeJS.ProcessEnv = process.env,
  cwd: string = process.cwd(),
): string | undefined {
  if (name === '') return undefined
  if (name.includes('/')) {
    const path = isAbsolute(name) ? name : resolve(cwd, name)
    return isExecutable(path) ? path : undefined
  }
  return (env.PATH ?? '/usr/local/bin:/usr/bin:/bin')
    .split(delimiter)
    .map((folder) => resolve(cwd, join(folder || '.', name)))
    .find(isExecutable)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return statSync(path).isFile()
  } catch {
    return false
  }
}

/** The failure of a program that is not there, with how to install it on this system if that is known. */
export function programNotFound(name: string): Failure {
  const hint = installHint(name)
  return {
    code: 'program-not-found',
    message: `${name} was not found`,
    why: name.includes('/') ? 'no executable file of that name is there' : 'it is in no folder of PATH',
    ...(hint && { next: [hint] }),
  }
}
