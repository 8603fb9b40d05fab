import type { Finding } from '../../../model/finding.ts'
import { renderCompose } from '../compose.ts'
import { ownerLabels } from '../names.ts'
import { composeVariables } from '../prepare.ts'
import { inParallel } from './in-parallel.ts'
import type { DockerRule } from './rule.ts'

/** Compose takes what it will be given (`docker compose config`). */
export const configurationValid: DockerRule = async ({ docker, starts, secrets, info, signal }) => {
  if (info.compose === undefined) return []
  const checked = await inParallel(starts, 4, async ({ data }): Promise<Finding | undefined> => {
    const { service, spec, fingerprint } = data
    if (!spec.docker) return undefined
    // Secrets that nobody has are said by themselves.
    const variables = await composeVariables(docker, spec, secrets)
    if (!variables.ok) return undefined
    const rendered = renderCompose(spec, spec.docker, {
      labels: ownerLabels(docker),
      fingerprint,
      run: 'preflight',
      filesFolder: '/',
    })
    const valid = await docker.engine.run(
      [
        ...['compose', '--project-name', spec.docker.project, '--project-directory', '/', '--env-file', '/dev/null'],
        ...['--file', '-', 'config', '--quiet'],
      ],
      { input: rendered, variables: variables.value.env, signal },
    )
    if (!valid.ok || valid.value.status === 0) return undefined
    return {
      rule: 'compose-invalid',
      severity: 'error',
      service,
      message: `Compose does not take the configuration of ${service}: ${valid.value.stderr.trim().split('\n').at(-1) ?? ''}`,
      mend: `task services config ${service}   # what Compose is given`,
    }
  })
  return checked.filter((finding) => finding !== undefined)
}
