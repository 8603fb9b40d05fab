import type { DesiredService, RunSpec } from '../../model/desired.ts'
import { failed, ok, type Result } from '../../model/failure.ts'
import type { SecretSource } from '../../model/platform.ts'
import { notRunning } from '../service-failures.ts'
import { renderCompose } from './compose.ts'
import { serviceContainers } from './containers.ts'
import type { DockerContext } from './context.ts'
import { ownerLabels } from './names.ts'
import { composeVariables, containersOf, placeFiles } from './prepare.ts'

/** The command that runs another one inside of a service's container. Failure `service-not-running`. */
export async function insideOf(
  docker: DockerContext,
  desired: DesiredService | undefined,
  service: string,
  command: readonly string[],
  terminal: boolean,
): Promise<Result<{ argv: string[]; env: Record<string, string> }>> {
  const found = await serviceContainers(docker, service)
  if (!found.ok) return found
  const running = found.value.filter(({ kept, status }) => !kept && status === 'running')
  const main = desired?.spec?.docker?.main ?? service
  const container = running.find(({ composeService }) => composeService === main) ?? running[0]
  if (!container) return failed(notRunning(service))
  const env = Object.fromEntries(
    Object.entries(docker.engine.environment()).filter((entry): entry is [string, string] => entry[1] !== undefined),
  )
  const how = terminal ? ['--interactive', '--tty'] : ['--interactive']
  return ok({ argv: docker.engine.argv(['exec', ...how, container.id, ...command]), env })
}

/** What Compose makes of a service's file, with everything filled in. Failures: those of the variables, and what Compose refuses. */
export async function toldOf(docker: DockerContext, spec: RunSpec, secrets: SecretSource): Promise<Result<string>> {
  const containers = containersOf(spec)
  if (!containers.ok) return containers
  const variables = await composeVariables(docker, spec, secrets)
  if (!variables.ok) return variables
  const filesFolder = await placeFiles(docker, spec.service, containers.value)
  if (!filesFolder.ok) return filesFolder
  const rendered = renderCompose(spec, containers.value, {
    labels: ownerLabels(docker),
    fingerprint: {},
    run: '',
    filesFolder: filesFolder.value,
  })
  const project = ['--project-name', containers.value.project, '--project-directory', '/', '--env-file', '/dev/null']
  return docker.engine.checked(['compose', ...project, '--file', '-', 'config'], {
    input: rendered,
    variables: variables.value.env,
  })
}
