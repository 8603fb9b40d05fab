import { canonicalJson, digestOf as digestOfText } from '../../validate/fingerprint.ts'

/** Whose something on a cluster is. */
export type Owner = { workspaceId: string; environment: string }

/** The name under which fields are owned on the server. */
export const fieldManager = 'vital-ops'

/** Labels and annotations of everything that the product makes on a cluster. They hold no secret. */
export const label = {
  workspace: 'vital-ops.dev/workspace',
  environment: 'vital-ops.dev/environment',
  service: 'vital-ops.dev/service',
  /** Which of two Deployments that take turns pods are of. */
  colour: 'vital-ops.dev/colour',
  /** What a record of ours is: `release`, `files`, `current`, `service`, `key`. */
  part: 'vital-ops.dev/part',
  /** Of a claim: the StatefulSet that is gone, and whose template it was made from. */
  claimOf: 'vital-ops.dev/claim-of',
  /** Annotation: a digest of the object as it was applied. */
  applied: 'vital-ops.dev/applied',
  /** Annotation of a Lease: who holds it, and whose work was left, as JSON. */
  holder: 'vital-ops.dev/holder',
} as const

/** The labels of everything of an environment. */
export const ownerLabels = ({ workspaceId, environment }: Owner): Record<string, string> => ({
  [label.workspace]: workspaceId,
  [label.environment]: environment,
})

/** Labels as a selector: `a=b,c=d`. */
export const selectorOf = (labels: Record<string, string>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',')

/** The name of a record of ours: `vital-ops.<workspace>.<environment>.<what>`. */
export const ownName = ({ workspaceId, environment }: Owner, what: string): string =>
  `vital-ops.${workspaceId}.${environment}.${what}`

/** 16 hexadecimal digits of the SHA-256 of a value's JSON, keys in order. */
export const digestOf = (value: unknown): string => digestOfText(canonicalJson(value))
