/** What tests share. Imports of this module never start anything. */
export { repository, temporaryFolder } from './folders.ts'
export { freePort } from './network.ts'
export { killGroup, killTree, type LiveProcess, processesWith } from './processes.ts'
export { type Ended, type Running, type RunOptions, run, start, startTask, task } from './programs.ts'
export { note, skip, timeLimit } from './session.ts'
export { until } from './until.ts'
