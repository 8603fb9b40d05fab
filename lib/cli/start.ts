/*
 * What bin/task is: a link to it would be one file more to load. CommonJS (lib/build/entry-points.mjs says so), since Node's loader of modules alone takes a sixth of Node's own
 * start. Who only asks (a list, help, a completion) is answered from what is cached, without the command itself; everything that this module
 * imports is part of every start.
 */
import { loadPacked } from './pack.ts'
import { runScript } from './run-script.ts'
import { startWords } from './start-words.ts'

type Answer = typeof import('./start-answer.ts')
type Command = typeof import('./command.ts')
/** The script of the answers, which is not part of a start that runs something. */
type AnswerScript = (require: NodeJS.Require, module: { exports: object }, file: string, folder: string) => Answer

const asked = startWords(process.argv.slice(2), process.env)
const isAnswered = asked !== undefined && answers(asked.ask).printAnswer(asked)
// Node takes longer to tidy up than all that was done here.
if (isAnswered) process.exit()
else {
  const load = loadPacked({ require, folder: __dirname })
  if (asked?.ask === 'complete') load('complete.cjs')
  else void (load('command.cjs') as Command).runCommand()
}

function answers(kind: string): Answer {
  const file = `${__dirname}/answer.cjs`
  return runScript<AnswerScript>(file, { kind: `-${kind}`, amount: () => 1 })(require, { exports: {} }, file, __dirname)
}
