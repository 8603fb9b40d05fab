/*
 * What bin/task starts. CommonJS (lib/build/entry-points.mjs says so), since Node's loader of modules alone takes a sixth of Node's own
 * start; nothing here may load what is not needed for every answer.
 */
import { runPacked } from './pack.ts'

runPacked(__dirname, 'task.cjs', require)
