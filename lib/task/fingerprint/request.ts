import { canonical } from './canonical.ts'
import { sha256 } from './digest.ts'
import { compareInputs, type FoundInputs, findInputs, type InputFiles, readInputs } from './files.ts'
import { isKept, lookAt } from './looks.ts'
import type { Parts, TaskRecord } from './record.ts'
import type { StatCache } from './stat-cache.ts'
import { mayShow } from './variables.ts'

/** All that a task's fingerprint is made of, as plain data. */
export type FingerprintRequest = {
  /** Of the task and its arguments' values: what has a record of its own. */
  id: string
  /** For people. */
  name: string
  /** The folder whose `.ops` holds the records; absolute. */
  workspace: string
  /** The folder from which patterns start, and in which the task works; absolute. */
  folder: string
  /** Patterns; absent where the definition has none. */
  inputs?: readonly string[]
  outputs?: readonly string[]
  /** The declared environment variables, with their values. */
  env: Readonly<Record<string, string | undefined>>
  /** What its `dotenv` files said when its environment was read; absent where it has none. */
  dotenv?: Readonly<Record<string, string>>
  /** The values of the arguments. */
  args: Readonly<Record<string, unknown>>
  /** Names of arguments whose values may be secret, by their names, or because they may come from the environment. */
  hiddenArgs: readonly string[]
  /** By the name of a need: a digest of what it left, as `Effects` has it. */
  needs: Readonly<Record<string, string>>
  /** Digests of the files and packages that the Taskfile's code is made of. */
  code: Readonly<Record<string, string>>
  /** A digest of the task's own definition. */
  definition: string
}

/** What tells whether a task has to run. */
export type Fingerprint = {
  request: FingerprintRequest
  readonly key: string
  readonly parts: Parts
  /** Values that may be shown to explain a difference. */
  shown: Readonly<Record<string, string>>
  inputs?: InputFiles
}

/** Gives digests of what may be secret. */
export type Keyed = (value: string) => string

/**
 * Takes a fingerprint: reads the inputs as they are now. Throws `FailureError` for bad patterns, else what the system says.
 *
 * @param known `record`: the last good run of a task that makes no outputs; where its inputs were others, they may be looked at later (begun.ts).
 *   `found` and `inputs`: what was just found of its inputs (`findFor`).
 */
export function takeFingerprint(
  request: FingerprintRequest,
  cache: StatCache,
  keyed: Keyed,
  { record, found, inputs: known }: { record?: TaskRecord | undefined } & FoundInputs = {},
): Fingerprint {
  const { folder, env, dotenv, args, hiddenArgs, needs, code, definition } = request
  const { inputs: patterns } = request
  const before = request.outputs === undefined ? record?.parts.inputs : undefined
  const look = (all: readonly string[]): InputFiles =>
    known ??
    (before === undefined || found !== undefined
      ? readInputs(all, folder, cache, found)
      : compareInputs(all, folder, cache, before))
  const inputs = patterns === undefined ? undefined : lookAt(patterns, folder, () => look(patterns))
  const shown: Record<string, string> = {}
  const argDigests: Record<string, string> = {}
  for (const [name, value] of Object.entries(args)) {
    const text = canonical(value)
    argDigests[name] = keyed(text)
    if (!hiddenArgs.includes(name) && !/\bsecret "/.test(text)) shown[`args.${name}`] = text.slice(0, 200)
  }
  const envDigests: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) {
    envDigests[name] = value === undefined ? '' : keyed(value)
    if (mayShow(name)) shown[`env.${name}`] = value === undefined ? 'not set' : JSON.stringify(value).slice(0, 200)
  }
  // Their values are never shown: such files are where secrets are.
  const dotenvDigests = Object.entries(dotenv ?? {}).map(([name, value]) => [name, keyed(value)] as const)
  const machine = `node ${process.versions.node} ${process.platform} ${process.arch}`
  const partsNow = (): Parts => ({
    ...(inputs === undefined ? {} : { inputs: inputs.digest }),
    args: argDigests,
    env: envDigests,
    ...(dotenv === undefined ? {} : { dotenv: Object.fromEntries(dotenvDigests) }),
    needs,
    code,
    definition,
    machine,
    folder,
  })
  let parts: Parts | undefined
  let key: string | undefined
  return {
    request,
    get parts() {
      parts ??= partsNow()
      return parts
    },
    get key() {
      key ??= keyOf(this.parts)
      return key
    },
    shown,
    ...(inputs ? { inputs } : {}),
  }
}

/**
 * Looks at a task's inputs beside this process, for the fingerprint that is taken next; nothing where that is not faster, or not needed.
 *
 * @param record as for that
 */
export async function findFor(
  { inputs, outputs, folder }: FingerprintRequest,
  cache: StatCache,
  record?: TaskRecord,
): Promise<FoundInputs> {
  if (inputs === undefined || isKept(inputs, folder)) return {}
  return findInputs(inputs, folder, cache, outputs === undefined ? record?.parts.inputs : undefined)
}

const keyOf = (parts: Parts): string => sha256(`format 1 ${canonical(parts)}`)
