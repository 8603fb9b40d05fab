import { flag, number, task, text } from 'vital-ops'
import { operations } from 'vital-ops/operations'

export * from './example/Taskfile.ts'

/** The operations, over the example's workspace. */
export default operations({ workspace: new URL('./example/', import.meta.url) })

export const build = task({
  description: 'Bundle the command and its libraries into dist/',
  group: 'this repository',
  inputs: ['lib/**', 'tasks/**', 'package.json'],
  outputs: ['dist/**'],
  run: ({ $ }) => $`npm run build`.then(() => undefined),
})

export const check = task({
  description: 'Types and lint',
  group: 'this repository',
  run: ({ $ }) => $`npm run check`.then(() => undefined),
})

export const test = task({
  description: 'The tests; --long adds the fault and race suites',
  group: 'this repository',
  args: {
    filters: text().positional().repeated().describe('parts of paths of test files'),
    long: flag().describe('with the long suites'),
  },
  run: ({ $, args }) => $`npm test -- ${args.filters} ${args.long ? ['--long'] : []}`.then(() => undefined),
})

export const bench = task({
  description: 'Speed against Node, make and other task runners; writes docs/performance.md',
  group: 'this repository',
  args: {
    parts: text().positional().repeated().describe('parts of the benchmark; all by default'),
    rounds: number({ integer: true, min: 15 }).default(15).describe('alternating rounds; medians are shown'),
  },
  run: ({ $, args }) => $`node bench/run.mjs ${args.parts} --rounds ${args.rounds}`.then(() => undefined),
})
