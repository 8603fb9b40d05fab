/*
 * What bin/task starts. CommonJS (lib/build/entry-points.mjs says so), since Node's loader of modules alone takes a sixth of Node's own
 * start. Who only asks (a list, help, a completion) is answered from what is cached, without the command itself; everything that this module
 * imports is part of every start.
 */
import { runPacked } from './pack.ts'
import { writeAll } from './standard-streams.ts'
import { startAnswer } from './start-answer.ts'
import { startWords } from './start-words.ts'

const asked = startWords(process.argv.slice(2), process.env)
const answer = asked && startAnswer(asked)
if (answer !== undefined) writeAll(1, answer)
else runPacked(asked?.ask === 'complete' ? 'complete.cjs' : 'task.cjs', { require, module, folder: __dirname })
