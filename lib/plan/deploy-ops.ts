import type { ContainerImage, Desired, RunSpec } from '../model/desired.ts'
import type { Op, OpId } from '../model/op.ts'
import type { ObservedSource, Snapshot } from '../model/snapshot.ts'
import { prunable } from './prune.ts'
import { chain } from './roll.ts'
import type { Target } from './target.ts'

/** The op that takes a revision's files into the release `release`. */
export const exportOp = (release: number, { revision, commit }: ObservedSource): Op => ({
  id: 'export',
  kind: 'export-source',
  after: [],
  cause: 'a release runs its own copy of the files',
  changes: true,
  timeoutMs: 5 * 60_000,
  data: { release, revision, commit, workingTree: commit.startsWith('tree-') },
})

/** The ops of each service in `causes` that has a build: it, and the push of an image that goes to a registry. */
export const buildOps = (targets: Target[], causes: Map<string, string>, release: number): Op[] =>
  targets.flatMap(({ service, spec, build }): Op[] =>
    spec && build && causes.has(service) && !isInRegistry(spec)
      ? [
          {
            id: `build:${service}`,
            kind: 'run-build',
            after: [],
            cause: causes.get(service) as string,
            changes: true,
            service,
            timeoutMs: build.timeoutMs,
            data: {
              service,
              source: { kind: 'release', release },
              command: build.command,
              directory: build.directory,
              artefact: spec.artefact ?? '',
              ...builtImage(spec, build.dockerfile),
            },
          },
          ...pushOps(service, spec, release),
        ]
      : [],
  )

const pushTimeoutMs = 30 * 60_000

const ownImage = ({ docker, kubernetes }: RunSpec): ContainerImage | undefined =>
  Object.values(docker?.images ?? kubernetes?.images ?? {}).find(({ built }) => built)

/** Whether the registry has what the build would make: then it is neither built nor pushed. */
const isInRegistry = (spec: RunSpec): boolean => {
  const image = ownImage(spec)
  return image?.pushed === true && image.identity !== undefined
}

function pushOps(service: string, spec: RunSpec, release: number): Op[] {
  const image = ownImage(spec)
  if (!image?.pushed) return []
  const { reference } = image
  return [
    {
      id: `push:${service}`,
      kind: 'push-image',
      after: [`build:${service}`],
      cause: 'its registry does not have it',
      changes: true,
      service,
      timeoutMs: pushTimeoutMs,
      data: { service, reference, release },
    },
  ]
}

/** The image that a Dockerfile makes; nothing for a build that makes files. */
export function builtImage(spec: RunSpec, dockerfile: string | undefined) {
  const image = ownImage(spec)
  return image && dockerfile !== undefined ? { image: { dockerfile, reference: image.reference } } : {}
}

/** Nothing is changed on the platform before everything is built: the first op of each engine or migration waits too. */
export const afterTheBuilds = (ops: Op[], readyToRoll: OpId[]): Op[] =>
  ops.map((op) => (op.after.length === 0 ? { ...op, after: readyToRoll } : op))

/** `beforeGate` runs once, when the last service has been started and before its gate. */
export function withBeforeGate(ops: Op[], hooks: Op[]): Op[] {
  if (hooks.length === 0) return ops
  const last = ops.findLastIndex((op) => op.kind === 'wait-gate')
  if (last < 0) return ops
  const gate = ops[last] as Op
  const chained = chain(hooks, gate.after)
  return [...ops.slice(0, last), ...chained, { ...gate, after: [(chained.at(-1) as Op).id] }, ...ops.slice(last + 1)]
}

/** The op that removes the releases that nothing needs after release `number`; none where all are kept. */
export function pruneOps(desired: Desired, snapshot: Snapshot, number: number, targets: Target[]): Op[] {
  const [first, ...more] = prunable(snapshot.releases, {
    keep: desired.configuration.deploy.keep,
    current: snapshot.current,
    next: number,
    used: targets.flatMap(({ spec }) => (spec?.source.kind === 'release' ? [spec.source.release] : [])),
  })
  if (first === undefined) return []
  return [
    {
      id: 'prune',
      kind: 'prune-releases',
      after: [],
      cause: `the policy keeps ${desired.configuration.deploy.keep}`,
      changes: false,
      timeoutMs: 120_000,
      data: { releases: [first, ...more] },
    },
  ]
}
