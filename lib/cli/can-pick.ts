import { isTerminal } from './standard-streams.ts'
import { isCi } from './terminal.ts'

/** Whether somebody who says nothing is asked what to run: there is a terminal to ask on, and it is no CI. */
export const canPick = (argv: readonly string[]): boolean =>
  argv.length === 0 && isTerminal(0) && isTerminal(2) && !isCi(process.env)
