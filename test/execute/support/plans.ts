import type { Op, OpOf } from '../../../lib/model/op.ts'
import type { Plan } from '../../../lib/model/plan.ts'

/** An op whose handler the test brings: `stop-service` has the smallest data. */
export const step = (id: string, after: string[] = [], change: Partial<OpOf<'stop-service'>> = {}): Op => ({
  id,
  kind: 'stop-service',
  after,
  cause: 'the test asks for it',
  changes: true,
  timeoutMs: 10_000,
  data: { service: id, before: null },
  ...change,
})

/** A hook. */
export const hook = (
  id: string,
  after: string[],
  { onError = 'fail', repeatable = true }: { onError?: 'fail' | 'warn'; repeatable?: boolean } = {},
): Op => ({
  id,
  kind: 'run-hook',
  after,
  cause: 'the test asks for it',
  changes: false,
  timeoutMs: 10_000,
  data: {
    moment: 'afterHealthy',
    task: id,
    onError,
    repeatable,
    arguments: { environment: 'dev', release: 1, revision: 'main', previous: null },
  },
})

export const planOf = (...ops: Op[]): Plan => ({
  operation: 'deploy',
  environment: 'dev',
  ops,
  findings: [],
  notes: [],
})
