import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { temporaryFolder } from './folders.ts'
import { skip } from './session.ts'
import { until } from './until.ts'

/** A terminal in tmux, with a server of its own. */
export type TmuxTerminal = {
  /** What is on the screen and what has scrolled off it, without trailing spaces. */
  screen(): string
  /** Waits until the screen shows a text or matches. */
  shows(what: string | RegExp, deadline?: number): Promise<string>
  /** Types keys as tmux names them (`C-c`, `Enter`), or a text. */
  keys(...keys: string[]): void
  close(): void
}

/** Runs a command in a terminal of that size; skips the test where tmux is not installed. */
export function tmuxTerminal(
  command: string,
  options: { cwd: string; columns?: number; rows?: number; env?: Record<string, string> },
): TmuxTerminal {
  if (!existsSync('/usr/bin/tmux')) skip('tmux is not installed')
  const socket = join(temporaryFolder(), 'tmux')
  const { cwd, columns = 80, rows = 24, env = {} } = options
  const tmux = (...args: string[]): string =>
    execFileSync('tmux', ['-S', socket, '-f', '/dev/null', ...args], {
      cwd,
      env: { PATH: process.env.PATH, HOME: cwd, LANG: 'C.UTF-8', TERM: 'xterm-256color', SHELL: '/bin/sh', ...env },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    })
  // The shell stays until the test has looked: a session ends with its command.
  // Ctrl-C is the command's.
  const held = `trap : INT; ${command}; printf '[ended %s]\\n' "$?"; sleep 600`
  tmux('-u', 'new-session', '-d', '-x', String(columns), '-y', String(rows), held)
  const screen = () => tmux('capture-pane', '-p', '-S', '-', '-t', '0').replace(/ +$/gm, '').trimEnd()
  return {
    screen,
    async shows(what, deadline = 30_000) {
      let seen = ''
      await until(
        () => {
          seen = screen()
          return typeof what === 'string' ? seen.includes(what) : what.test(seen)
        },
        { what: `the terminal to show ${what}`, deadline },
      ).catch((error: Error) => {
        throw new Error(`${error.message}\non the screen:\n${seen}`)
      })
      return seen
    },
    keys: (...keys) => void tmux('send-keys', '-t', '0', ...keys),
    close() {
      try {
        tmux('kill-server')
      } catch {
        // Its last session has ended it.
      }
    },
  }
}
