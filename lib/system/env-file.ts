import { randomBytes } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import type { OpOf } from '../model/op.ts'
import { Secret } from '../model/secret.ts'
import { generateValue, parseEnvExample, planEnvFile, renderEnvFile } from '../validate/env-plan.ts'
import { configurationPaths } from '../validate/files.ts'
import { ensurePrivateFolder, readText, writeFileAtomic } from './files.ts'
import { secretsInText } from './secrets/env-text.ts'
import { readEnvFile } from './secrets/file.ts'

/** The data of the op that writes an `.env` file. */
export type WriteEnv = OpOf<'write-env'>['data']

/** An `.env` file as it will be once the op has run. */
export type PlannedEnvFile = {
  /** Absent when there is nothing to write. */
  writeEnv?: WriteEnv
  /** Of the file as it is; empty when there is none. */
  present: ReadonlyMap<string, Secret>
  /** Of the file as it will be. */
  values: ReadonlyMap<string, Secret>
}

/**
 * The values that this process made up, by the path of the file that they are for. Planning again, under the lock, must come to the same plan, and
 * the op writes what was planned.
 */
const madeUp = new Map<string, Map<string, Secret>>()

/**
 * What the `.env` file of an environment will be: `fullName` names the file (`production@local` for a rehearsal), `configuredAs` the example. Values that
 * the example generates are made up once in a process. Writes nothing.
 * Failures: those of reading the `.env` file.
 */
export async function planEnvironmentFile(
  folder: string,
  { fullName, configuredAs }: { fullName: string; configuredAs: string },
): Promise<Result<PlannedEnvFile>> {
  const path = join(folder, configurationPaths.values(fullName))
  const example = join(folder, configurationPaths.example(configuredAs))
  const existing = await readEnvFile(path)
  if (!existing.ok) return existing
  const exampleText = await readText(example)
  const present = existing.value.values ?? new Map()
  if (exampleText === undefined) return ok({ present, values: present })
  const { generate } = parseEnvExample(example, exampleText)
  const plan = planEnvFile(exampleText, existing.value.text)
  const generated = madeUp.get(path) ?? (await readDraft(path))
  madeUp.set(path, generated)
  for (const name of plan.generate) {
    const directive = generate.get(name)
    if (directive && !generated.has(name)) generated.set(name, new Secret(name, generateValue(directive, randomBytes)))
  }
  const values = secretsInText(path, renderEnvFile(existing.value.text, exampleText, revealed(generated)))
  if (!values.ok) return values
  const nothing = plan.add.length === 0 && !plan.create
  return ok({ present, values: values.value, ...(!nothing && { writeEnv: { path, example, ...plan } }) })
}

/**
 * Carries out the op: creates the file (mode 0600) or adds names at its end; no value that is there is changed. Failure: `changed-meanwhile` when
 * the file or its example is not what this process planned from.
 */
export async function writeEnvironmentFile(data: WriteEnv): Promise<Result<{ message: string }>> {
  const existing = await readEnvFile(data.path)
  if (!existing.ok) return existing
  const exampleText = await readText(data.example)
  if (exampleText === undefined) return failed(changedMeanwhile(data.example, 'it is gone'))
  const plan = planEnvFile(exampleText, existing.value.text)
  if (plan.add.length === 0 && !plan.create) return ok({ message: 'is there already' })
  const generated = madeUp.get(data.path) ?? new Map<string, Secret>()
  const missing = plan.generate.find((name) => !generated.has(name))
  if (plan.create !== data.create || plan.add.join() !== data.add.join() || missing !== undefined) {
    return failed(changedMeanwhile(data.path, 'it or its example was edited after the plan was made'))
  }
  await writeFileAtomic(data.path, renderEnvFile(existing.value.text, exampleText, revealed(generated)), {
    mode: 0o600,
  })
  await rm(draftPath(data.path), { force: true })
  return ok({ message: `${basename(data.path)}: ${plan.add.join(', ')}` })
}

/** Whether the op's effect is there: every name of the plan is in the file. */
export async function isEnvironmentFileWritten(data: WriteEnv): Promise<boolean> {
  const existing = await readEnvFile(data.path)
  return (
    existing.ok && existing.value.values !== undefined && data.add.every((name) => existing.value.values?.has(name))
  )
}

/** Where made-up values wait for the plan that is to write them. */
const draftPath = (path: string): string => join(dirname(path), '.ops/secrets/drafts', `${basename(path)}.json`)

/**
 * Keeps the values that were made up for an `.env` file until it is written (mode 0600), so that a plan which was kept for a review is the
 * one that runs later: its digests are those of these values. Throws `FailureError`.
 */
export async function keepDraft(path: string): Promise<void> {
  const values = Object.fromEntries(revealed(madeUp.get(path) ?? new Map()))
  if (Object.keys(values).length === 0) return
  const file = draftPath(path)
  await ensurePrivateFolder(dirname(file))
  await writeFileAtomic(file, `${JSON.stringify(values)}\n`, { mode: 0o600 })
}

/** The kept values; none where there is no draft, or it cannot be read: then others are made up, and the kept plan does not match. */
async function readDraft(path: string): Promise<Map<string, Secret>> {
  try {
    const entries = Object.entries(JSON.parse((await readText(draftPath(path))) ?? '{}'))
    return new Map(entries.map(([name, value]) => [name, new Secret(name, String(value))]))
  } catch {
    return new Map()
  }
}

const revealed = (secrets: ReadonlyMap<string, Secret>): Map<string, string> =>
  new Map([...secrets].map(([name, secret]) => [name, secret.reveal()]))

function changedMeanwhile(path: string, why: string): Failure {
  const message = `${basename(path)} has changed since the plan was made`
  return { code: 'changed-meanwhile', message, place: { file: path }, why, outcome: 'unchanged' }
}
