import type { Finding } from '../../../model/finding.ts'
import { isRefusal, registryOf } from '../images.ts'
import { inParallel } from './in-parallel.ts'
import type { DockerRule } from './rule.ts'

/** All images together. A registry that is slow is found out when it is pulled from, which is before anything is stopped. */
const lookMs = 4_000

/** What the plan pulls is in its registry, as far as that can be seen from here within a few seconds. */
export const imagesPullable: DockerRule = async ({ docker, plan, signal }) => {
  const wanted = plan.ops.flatMap((op) => (op.kind === 'pull-image' ? [op.data] : []))
  const deadline = AbortSignal.timeout(lookMs)
  const looked = await inParallel(wanted, 8, async ({ reference, identity }): Promise<Finding | undefined> => {
    const image = identity?.includes('@') ? identity : reference
    const insecure = /^(localhost|127\.[\d.]+|\[::1\])(:\d+)?$/.test(registryOf(image) ?? '') ? ['--insecure'] : []
    const found = await docker.engine.run(['manifest', 'inspect', ...insecure, image], {
      signal: AbortSignal.any([signal, deadline]),
    })
    if (found.ok && found.value.status === 0) return undefined
    const said = found.ok ? (found.value.stderr.trim().split('\n').at(-1) ?? '') : ''
    if (isRefusal(said)) {
      return {
        rule: 'image-not-pullable',
        severity: 'error',
        message: `${image} cannot be pulled: ${said}`,
        mend: `docker pull ${image}   # after docker login, where the registry wants to know who asks`,
      }
    }
    return {
      rule: 'image-not-checked',
      severity: 'warning',
      message: `whether ${image} can be pulled is not known: ${said === '' ? `no answer within ${lookMs / 1000} s` : said}`,
      mend: `docker pull ${image}`,
    }
  })
  return looked.filter((finding) => finding !== undefined)
}
