/** The labels of everything that the product makes on an engine. They are immutable, and hold no secret. */
export const label = {
  /** The workspace's id. */
  workspace: 'vital-ops.workspace',
  /** `staging`. */
  environment: 'vital-ops.environment',
  /** The service of the catalogue; only on containers that run one. */
  service: 'vital-ops.service',
  /** What else it is for: `lock`, `releases`, `helper`, `network`. */
  role: 'vital-ops.role',
  /** The release that a container runs; absent for the working tree. */
  release: 'vital-ops.release',
  /** The run that made it. */
  run: 'vital-ops.run',
  /** The parts that it was started with as digests: a `Fingerprint` as JSON. */
  fingerprint: 'vital-ops.fingerprint',
  /** `true` where it runs to its end. */
  oneShot: 'vital-ops.one-shot',
  /** The networks, ports and probes' needs are Compose's own. */
  project: 'com.docker.compose.project',
  composeService: 'com.docker.compose.service',
} as const

/** Whose something on an engine is: the workspace's name for people, its id for machines. */
export type Owner = { workspaceName: string; workspaceId: string; environment: string }

/** The Compose project of a service: `<name>-<environment>-<service>`. */
export const projectName = ({ workspaceName, environment }: Omit<Owner, 'workspaceId'>, service: string): string =>
  `${workspaceName}-${environment}-${service}`

/** The name of what is one of a kind in an environment: `<name>-<environment>.lock`. */
export const ownName = ({ workspaceName, environment }: Omit<Owner, 'workspaceId'>, what: string): string =>
  `${workspaceName}-${environment}.${what}`

/** The labels of everything that belongs to an environment. */
export const ownerLabels = ({ workspaceId, environment }: Owner): Record<string, string> => ({
  [label.workspace]: workspaceId,
  [label.environment]: environment,
})

/** Arguments that make something with labels: `--label name=value` for each. */
export const labelArguments = (labels: Record<string, string>): string[] =>
  Object.entries(labels).flatMap(([name, value]) => ['--label', `${name}=${value}`])

/** Arguments that list what has these labels: `--filter label=name=value` for each. */
export const labelFilters = (labels: Record<string, string>): string[] =>
  Object.entries(labels).flatMap(([name, value]) => ['--filter', `label=${name}=${value}`])

/** Between a container's own name and the run that has replaced it: `shop-dev-api-api-1.before-<run>`. */
const keptMark = '.before-'

/** The name under which a container is kept until what replaces it has passed its gate. */
export const keptName = (name: string, run: string): string => `${name}${keptMark}${run}`

/** The name that a kept container had; undefined for one that is not kept. */
export function nameBefore(name: string): string | undefined {
  const at = name.indexOf(keptMark)
  return at < 0 ? undefined : name.slice(0, at)
}
