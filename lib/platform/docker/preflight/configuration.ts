import { createHash } from 'node:crypto'
import { join } from 'node:path'
import type { Finding } from '../../../model/finding.ts'
import type { OpOf } from '../../../model/op.ts'
import { ensureFolder, readJson, writeFileAtomic } from '../../../system/files.ts'
import { resolveVariables } from '../../local/values.ts'
import { renderCompose } from '../compose.ts'
import type { DockerContext } from '../context.ts'
import { ownerLabels } from '../names.ts'
import { composeValues } from '../prepare.ts'
import { inParallel } from './in-parallel.ts'
import type { DockerRule, Given } from './rule.ts'

/** Stands in for what only a release knows, which may have no record yet: none of it decides whether Compose takes a file. */
const release = { release: '1', revision: 'preflight' }

/** Compose takes what it will be given (`docker compose config`). What it has taken once is not asked again: the same version says the same. */
export const configurationValid: DockerRule = async (given) => {
  const { docker, starts, info } = given
  if (info.compose === undefined) return []
  const taken = await readTaken(docker)
  const now: string[] = []
  const checked = await inParallel(starts, 4, async (start) => {
    const rendered = renderedOf(docker, start)
    if (rendered === undefined) return undefined
    // Secrets are there by their keyed digests.
    const values = composeValues(start.data.spec).environment
    const key = digest(JSON.stringify([info.compose, rendered, values]))
    if (taken.has(key)) {
      now.push(key)
      return undefined
    }
    const answer = await askCompose(given, start, rendered)
    if (answer === 'taken') now.push(key)
    return typeof answer === 'string' ? undefined : answer
  })
  if (now.some((key) => !taken.has(key))) await keepTaken(docker, [...new Set([...now, ...taken])])
  return checked.filter((finding) => finding !== undefined)
}

/** The Compose file of a service, without what differs from run to run. */
function renderedOf(docker: DockerContext, { data: { spec } }: OpOf<'start-service'>): string | undefined {
  if (!spec.docker) return undefined
  const still = { ...spec, source: { kind: 'working-tree' as const } }
  const options = { labels: ownerLabels(docker), fingerprint: {}, run: 'preflight', filesFolder: '/' }
  return renderCompose(still, spec.docker, options)
}

async function askCompose(
  { docker, secrets, signal }: Given,
  { data: { service, spec } }: OpOf<'start-service'>,
  rendered: string,
): Promise<Finding | 'taken' | 'not known'> {
  const variables = resolveVariables(composeValues(spec), secrets, release)
  // Secrets that nobody has are said by themselves.
  if (!variables.ok) return 'not known'
  const valid = await docker.engine.run(
    [
      ...['compose', '--project-name', spec.docker?.project ?? service, '--project-directory', '/'],
      ...['--env-file', '/dev/null', '--file', '-', 'config', '--quiet'],
    ],
    { input: rendered, variables: variables.value.env, signal },
  )
  if (!valid.ok) return 'not known'
  if (valid.value.status === 0) return 'taken'
  return {
    rule: 'compose-invalid',
    severity: 'error',
    service,
    message: `Compose does not take the configuration of ${service}: ${valid.value.stderr.trim().split('\n').at(-1) ?? ''}`,
    mend: `task services config ${service}   # what Compose is given`,
  }
}

/** How many are remembered: of some environments with a hundred services each. */
const remembered = 500
const fileOf = ({ folder }: DockerContext): string => join(folder, '.ops', 'cache', 'compose-taken.json')
const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 32)

async function readTaken(docker: DockerContext): Promise<Set<string>> {
  const kept = await readJson(fileOf(docker)).catch(() => undefined)
  return new Set(Array.isArray(kept) ? kept.filter((key) => typeof key === 'string') : [])
}

/** Without it all are asked again, which only takes longer. */
async function keepTaken(docker: DockerContext, keys: readonly string[]): Promise<void> {
  try {
    await ensureFolder(join(docker.folder, '.ops', 'cache'))
    await writeFileAtomic(fileOf(docker), `${JSON.stringify(keys.slice(0, remembered))}\n`)
  } catch {
    // The folder may be read-only.
  }
}
