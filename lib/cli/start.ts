/*
 * What bin/task starts. CommonJS (lib/build/entry-points.mjs says so), since Node's loader of modules alone takes a sixth of Node's own
 * start. Who only asks (a list, help, a completion) is answered from what is cached, without the command itself; everything that this module
 * imports is part of every start.
 */
import { runPacked } from './pack.ts'
import { startWords } from './start-words.ts'

/** The other entry point, which is not part of a start that runs something. */
type Answer = typeof import('./start-answer.ts')

const asked = startWords(process.argv.slice(2), process.env)
const isAnswered = asked !== undefined && (require(`${__dirname}/answer.cjs`) as Answer).printAnswer(asked)
if (!isAnswered)
  runPacked(asked?.ask === 'complete' ? 'complete.cjs' : 'task.cjs', { require, module, folder: __dirname })
