/** Ends the run that its argument names, of which it is a part itself, and says how that went. */
import { endRun } from '../../../lib/system/groups.ts'

process.stdout.write(`${JSON.stringify(await endRun(process.argv[2] as string))}\n`)
