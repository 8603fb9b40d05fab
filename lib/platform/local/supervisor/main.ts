import { closeSync, writeSync } from 'node:fs'
import { FailureError } from '../../../model/failure.ts'
import { encode, type Greeting } from './protocol.ts'
import { runSupervisor } from './server.ts'

/*
 * The program of dist/supervisor.js: `node supervisor.js <folder of the workspace>`. It says on descriptor 3, in one line, that it can be
 * reached, and closes it: the command that started it waits for that line.
 */
function greet(greeting: Greeting): void {
  try {
    writeSync(3, encode(greeting))
    closeSync(3)
  } catch {
    // The command has died meanwhile; the next one connects.
  }
}

const [folder] = process.argv.slice(2)
if (folder === undefined) throw new Error('usage: node supervisor.js <folder of the workspace>')
try {
  await runSupervisor(folder, greet)
} catch (error) {
  if (!(error instanceof FailureError)) throw error
  greet({ kind: 'failed', failure: error.failures[0] as FailureError['failures'][0] })
}
