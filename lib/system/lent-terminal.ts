import { execFileSync } from 'node:child_process'
import { closeSync, fstatSync, openSync } from 'node:fs'

/** How many programs have the terminal of this process at this moment. */
let count = 0

/** Whether a program has the terminal: Ctrl-C is then meant for it, and it decides what comes of it (`psql` gives up a line, `sleep` ends). */
export const isTerminalLent = (): boolean => count > 0

/**
 * Lends the terminal to a program that reads from it: one that is started in this process's own session and group, as a shell's foreground job, so
 * that it may read from it, make groups for its own jobs, and gets Ctrl-C, Ctrl-\ and Ctrl-Z itself.
 *
 * @returns what takes the terminal back, in the modes that it had; undefined where standard input is not the terminal that controls this process
 */
export function lendTerminal(): (() => void) | undefined {
  const modes = terminalModes()
  if (modes === undefined) return undefined
  count += 1
  // Ctrl-\ would end this process without a word.
  const ignore = () => {}
  process.on('SIGQUIT', ignore)
  return () => {
    count -= 1
    process.off('SIGQUIT', ignore)
    restoreModes(modes)
  }
}

function terminalModes(): string | undefined {
  try {
    if (!fstatSync(0).isCharacterDevice()) return undefined
    closeSync(openSync('/dev/tty', 'r+'))
    return execFileSync('stty', ['-g'], { stdio: ['inherit', 'pipe', 'ignore'], encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

/** An editor that was killed leaves a terminal that shows nothing of what is typed. */
function restoreModes(modes: string): void {
  try {
    // A shell that was killed has left its own group in the foreground: who is not in it is stopped by TTOU when it sets modes.
    execFileSync('/bin/sh', ['-c', 'trap "" TTOU; exec stty "$1"', 'sh', modes], {
      stdio: ['inherit', 'ignore', 'ignore'],
    })
  } catch {
    // The terminal is gone.
  }
}
