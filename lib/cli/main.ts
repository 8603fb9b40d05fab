import { runCommand } from './command.ts'

/** The end of the process. */
export const ended: Promise<never> = runCommand()
