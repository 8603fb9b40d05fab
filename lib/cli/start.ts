/*
 * What bin/task is: a link to it would be one file more to load. CommonJS (lib/build/entry-points.mjs says so), since Node's loader of modules alone takes a sixth of Node's own
 * start. Who only asks (a list, help, a completion, the status of migrations or of services) is answered from what is cached, without the command itself; everything that this module
 * imports is part of every start.
 */
import { lookAhead } from './look-ahead.ts'
import { loadPacked } from './pack.ts'
import { runScript } from './run-script.ts'
import { startWords } from './start-words.ts'

type Answer = typeof import('./start-answer.ts')
type Status = typeof import('./start-status.ts')
type Services = typeof import('./start-services.ts')
type Command = typeof import('./command.ts')
/** The script of answers, which is not part of a start that runs something. */
type AnswerScript<Answers> = (
  require: NodeJS.Require,
  module: { exports: object },
  file: string,
  folder: string,
) => Answers

const argv = process.argv.slice(2)
const asked = startWords(argv, process.env)
const isAnswered = asked !== undefined && script<Answer>('answer', asked.ask).printAnswer(asked)
// Node takes longer to tidy up than all that was done here.
if (isAnswered) process.exit()
else if (argv[0] === 'migrate' && argv[1] === 'status') {
  void script<Status>('status')
    .printStatus(argv)
    .then((isPrinted) => (isPrinted ? process.exit() : runCommand()))
} else if (argv[0] === 'services' && argv[1] === 'status') {
  void script<Services>('services')
    .printServices(argv)
    .then((isPrinted) => (isPrinted ? process.exit() : runCommand()))
} else runCommand()

function runCommand(): void {
  const ahead = asked === undefined ? lookAhead(argv) : undefined
  const load = loadPacked({ require, folder: __dirname })
  if (asked?.ask === 'complete') load('complete.cjs')
  else void (load('command.cjs') as Command).runCommand(ahead)
}

function script<Answers>(name: string, kind?: string): Answers {
  const file = `${__dirname}/${name}.cjs`
  return runScript<AnswerScript<Answers>>(file, { ...(kind && { kind: `-${kind}` }), amount: () => 1 })(
    require,
    { exports: {} },
    file,
    __dirname,
  )
}
