import { pullFindings, pushFindings } from '../../images/findings.ts'
import { lookUpFor } from '../registry.ts'
import type { DockerRule } from './rule.ts'

/** What the plan pulls is in its registry, and what it pushes may go there, as far as that can be seen from here within a few seconds. */
export const imagesPullable: DockerRule = async ({ docker, plan, signal }) => {
  const pulls = plan.ops.flatMap((op) =>
    op.kind === 'pull-image' ? [op.data.identity?.includes('@') ? op.data.identity : op.data.reference] : [],
  )
  const pushes = plan.ops.flatMap((op) => (op.kind === 'push-image' ? [op.data.reference] : []))
  const seen = await lookUpFor(docker, [...pulls, ...pushes], signal)
  return [
    ...pulls.flatMap((reference) => pullFindings(reference, seen[reference])),
    ...pushes.flatMap((reference) => pushFindings(reference, seen[reference])),
  ]
}
