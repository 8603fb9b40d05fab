import { accessSync, constants } from 'node:fs'
import type { Environment } from './marks.ts'

/**
 * Between fork and the moment when the watchdog knows the new group lies a window in which `kill -9` of the runner would leave an
 * orphan. So the child is at first a shell that waits for a word on descriptor 3, and becomes the program only then (same pid, same
 * group). If the runner dies in the window, the descriptor closes and the program never runs.
 */
const gateScript = 'read -r go <&3 && [ "$go" = go ] || exit 125; exec 3<&-; exec "$@"'

/**
 * The same for a text that a shell runs: it waits by itself, having started meanwhile, which saves a shell. Stands before the text, on its first
 * line, so that the lines that the shell tells of stay what they are.
 */
export const gatePrefix = 'read -r go <&3 && [ "$go" = go ] || exit 125; exec 3<&-; unset go; '

/** What opens the gate, written to descriptor 3. */
export const gateWord = 'go\n'

/** The command to spawn in place of `program args…`; `program` is an absolute path. Its descriptor 3 must be a pipe to here. */
export function gated(program: string, args: readonly string[], env: Environment): [string, string[]] {
  const [shell, ...options] = gateShell(env)
  return [shell, [...options, '-c', gateScript, 'sh', program, ...args]]
}

const variableName = /^[A-Za-z_][A-Za-z0-9_]*$/

/**
 * dash drops environment variables whose names no shell could use (`discovery.type`, exported functions of bash); bash passes them on. So
 * where there are any, bash is taken if the machine has it. Its options keep it from reading BASH_ENV, and ~/.bashrc when its input
 * is a socket (as Node's pipes are).
 */
function gateShell(env: Environment): [string, ...string[]] {
  if (process.platform === 'linux' && !Object.keys(env).every((name) => variableName.test(name))) {
    for (const bash of ['/bin/bash', '/usr/bin/bash', '/usr/local/bin/bash']) {
      try {
        accessSync(bash, constants.X_OK)
        return [bash, '--norc', '--posix']
      } catch {
        // The next place.
      }
    }
  }
  return ['/bin/sh']
}
