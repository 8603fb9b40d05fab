import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { executePlan } from '../../../lib/execute/execute.ts'
import { openJournal } from '../../../lib/execute/journal.ts'
import { ok } from '../../../lib/model/failure.ts'
import { planOf, step } from './plans.ts'

/** A run of a plan of three ops, each of which appends its id to `effects`. Started as a process of its own, to be killed. With `release` it says that it opened release 3. */
const folder = process.argv[2] as string
const plan = planOf(step('one'), step('two', ['one']), step('three', ['two']))
const journal = await openJournal({
  ops: join(folder, '.ops'),
  operation: 'deploy',
  arguments: {},
  environment: 'dev',
  warn: (text) => process.stderr.write(`${text}\n`),
})
await journal.record({
  type: 'plan-fixed',
  plan: 1,
  operation: 'deploy',
  digest: 'd',
  ops: plan.ops.map(({ id }) => id),
})
if (process.argv[3] === 'release') {
  await journal.record({ type: 'release-opened', environment: 'dev', release: 3, revision: 'v1.4' })
}
await executePlan(plan, {
  handlers: {
    'stop-service': {
      async run(op) {
        appendFileSync(join(folder, 'effects'), `${op.id}\n`)
        return ok({})
      },
      check: async () => 'unknown',
    },
  },
  journal,
  emit: () => {},
  signal: new AbortController().signal,
  secrets: { find: () => undefined },
  redact: { text: (text) => text, value: (value) => value },
})
await journal.record({ type: 'run-ended', run: journal.run, outcome: 'done', durationMs: 1 })
await journal.close()
