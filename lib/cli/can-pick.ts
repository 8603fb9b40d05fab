import { isTerminal } from './standard-streams.ts'
import { isCi } from './terminal.ts'

/** Whether somebody can be asked what to run: there is a terminal to ask on, and it is no CI. */
export const canPick = (): boolean => isTerminal(0) && isTerminal(2) && !isCi(process.env)
