// @ts-check
/** How long the command takes to start: list, completion, help, and one task that does nothing. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { compare, ratio, settle } from './support/measure.mjs'

const floor = 'node -e 0'

/** @type {import('./run.mjs').Part} */
export default {
  order: 10,
  run({ rounds, folder, task }) {
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'Taskfile.ts'), taskfile(50))
    mkdirSync(join(folder, 'one'))
    writeFileSync(join(folder, 'one', 'Taskfile.ts'), taskfile(1))
    const cwd = folder
    const nothing = { name: floor, argv: /** @type {const} */ ([process.execPath, '-e', '0']), cwd }
    const start = (
      /** @type {string} */ title,
      /** @type {string[]} */ words,
      /** @type {number} */ atMost,
      /** @type {string} */ where = cwd,
    ) =>
      compare(title, [nothing, { name: title, argv: [process.execPath, task, ...words], cwd: where }], {
        rounds,
        claims: [ratio(title, floor, atMost)],
      })
    settle()
    return [
      start('task --list, 50 tasks', ['--list'], 1.15),
      start('completion of a name', ['__complete', '--', 'job4'], 1.15),
      start('task --version', ['--version'], 1.15),
      start('task help <task>', ['help', 'job7'], 1.15),
      start('one trivial in-process task', ['job0'], 1.3, join(folder, 'one')),
    ]
  },
}

/** @param {number} count */
const taskfile = (count) =>
  [
    "import { choice, task, text } from 'vital-ops'",
    ...Array.from(
      { length: count },
      (_, at) =>
        `export const job${at} = task({ description: 'Job number ${at}', args: { channel: choice(['beta', 'stable']).default('beta'), notes: text().optional() }, run() {} })`,
    ),
    '',
  ].join('\n')
