import type { Hands } from './hands.ts'
import { type ApiObject, nowText } from './objects.ts'

/** One round of a Job: pods until it is done or has failed too often. */
export function runJob(hands: Hands, job: ApiObject): void {
  if (job.status?.conditions?.length) return
  const pods = hands.owned('pods', job)
  const failed = pods.filter(({ status }) => status.phase === 'Failed').length
  const succeeded = pods.filter(({ status }) => status.phase === 'Succeeded').length
  const done = succeeded >= job.spec.completions
  const over = failed > job.spec.backoffLimit
  if (!done && !over && pods.length === failed + succeeded) {
    const labels = { 'batch.kubernetes.io/job-name': job.metadata.name, 'job-name': job.metadata.name }
    hands.makePod(job, job.spec.template, { generateName: `${job.metadata.name}-` }, labels)
  }
  const conditions = done
    ? [
        {
          type: 'SuccessCriteriaMet',
          status: 'True',
          reason: 'CompletionsReached',
          message: 'Reached expected number of succeeded pods',
        },
        {
          type: 'Complete',
          status: 'True',
          reason: 'CompletionsReached',
          message: 'Reached expected number of succeeded pods',
        },
      ]
    : over
      ? [
          {
            type: 'Failed',
            status: 'True',
            reason: 'BackoffLimitExceeded',
            message: 'Job has reached the specified backoff limit',
          },
        ]
      : []
  hands.status('jobs', job, {
    ...(job.status ?? {}),
    startTime: job.status?.startTime ?? nowText(),
    ...(failed > 0 && { failed }),
    ...(succeeded > 0 && { succeeded }),
    ...(conditions.length > 0 ? { conditions: hands.conditions(job, conditions) } : { active: 1 }),
    ...(done && { completionTime: nowText() }),
  })
}
