import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ContainerSpec, RunSpec } from '../../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import type { SecretSource } from '../../model/platform.ts'
import { canonicalJson, digestOf } from '../../validate/fingerprint.ts'
import { type Known, type ResolvedVariables, resolveVariables } from '../local/values.ts'
import { boundFiles } from './compose.ts'
import type { DockerContext } from './context.ts'
import { isLocalEngine } from './reach.ts'

/** The containers' part of a spec. Failure `service-has-no-containers`: it is of another platform. */
export const containersOf = (spec: RunSpec): Result<ContainerSpec> =>
  spec.docker
    ? ok(spec.docker)
    : failed({
        code: 'service-has-no-containers',
        message: `${spec.service} was recorded for another platform, and says nothing of containers`,
        service: spec.service,
        outcome: 'unchanged',
      })

/** Everything that Compose fills in, with the secrets among it. Failures: `secret-missing`, `no-such-release`. */
export async function composeVariables(
  docker: DockerContext,
  spec: RunSpec,
  secrets: SecretSource,
): Promise<Result<ResolvedVariables>> {
  const known = await knownOf(docker, spec)
  if (!known.ok) return known
  return resolveVariables(composeValues(spec), secrets, known.value)
}

/** A spec with all that Compose fills in among its values. */
export const composeValues = (spec: RunSpec): RunSpec => ({
  ...spec,
  environment: { ...spec.docker?.variables, ...spec.environment },
})

/** What a service's source is called. */
async function knownOf(docker: DockerContext, { source }: RunSpec): Promise<Result<Known>> {
  if (source.kind === 'working-tree') return ok({ release: 'working-tree', revision: 'working-tree' })
  const release = (await docker.releases.list()).find(({ number }) => number === source.release)
  if (release) return ok({ release: String(release.number), revision: release.revision })
  return failed(noRecord(docker, source.release))
}

const noRecord = ({ environment }: DockerContext, release: number): Failure => ({
  code: 'no-such-release',
  message: `${environment} has no record of release ${release}, from which the service is to run`,
  next: [`task releases ${environment}`],
  outcome: 'unchanged',
})

/**
 * Puts what containers with a read-only file system see of the workspace where they can be bound, in a folder named after the content. Returns the folder.
 * Failure `files-not-bindable`: the engine is on another machine.
 */
export async function placeFiles(docker: DockerContext, service: string, spec: ContainerSpec): Promise<Result<string>> {
  const files = boundFiles(spec)
  const home = join(docker.folder, '.ops', 'docker', docker.environment, service)
  if (Object.keys(files).length === 0) return ok(home)
  if (!(await isLocalEngine(docker.engine))) {
    return failed({
      code: 'files-not-bindable',
      message: `${service} has a read-only file system and sees files of the workspace, which the engine's host does not have`,
      why: 'they are copied into a container before it starts, and into a read-only one nothing can be copied',
      service,
      next: ['put the files into the image, or leave read_only out'],
      outcome: 'unchanged',
    })
  }
  const folder = join(home, digestOf(canonicalJson(files)))
  for (const [path, { text, mode }] of Object.entries(files)) {
    const target = join(folder, path)
    await mkdir(dirname(target), { recursive: true })
    // The container's user is not this one.
    await writeFile(target, text, { mode: mode ?? 0o644 })
  }
  return ok(folder)
}
