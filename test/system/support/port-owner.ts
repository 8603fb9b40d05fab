/** Says who owns the port that its argument names. */
import { portOwner } from '../../../lib/system/ports.ts'

process.stdout.write(JSON.stringify(await portOwner(Number(process.argv[2]))))
