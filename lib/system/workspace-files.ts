import { existsSync } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import type { ConfigurationFailure } from '../validate/concern.ts'
import type { Workspace } from '../validate/files.ts'
import { configurationPaths, type WorkspaceTexts } from '../validate/files.ts'
import { validateWorkspace } from '../validate/relevance.ts'
import { fileFailure } from './files.ts'
import { asText } from './secrets/env-text.ts'

/** How the workspace is found. */
export type FindOptions = {
  /** Where the command was started. */
  cwd: string
  /** `--workspace`, relative to `cwd`. Goes before OPS_WORKSPACE. */
  workspace?: string | undefined
  env: NodeJS.ProcessEnv
}

/**
 * The workspace's absolute path: what `--workspace` or OPS_WORKSPACE names, else the nearest folder upwards from `cwd` that has a
 * config/workspace.yaml. Failure: `workspace-missing`.
 */
export async function findWorkspace({ cwd, workspace, env }: FindOptions): Promise<Result<string>> {
  const named = workspace ?? (env.OPS_WORKSPACE || undefined)
  if (named !== undefined) {
    const folder = resolve(cwd, named)
    return (await isWorkspace(folder)) ? ok(folder) : failed(noWorkspace(folder, workspace === undefined))
  }
  for (let folder = resolve(cwd); ; folder = dirname(folder)) {
    if (await isWorkspace(folder)) return ok(folder)
    if (folder === dirname(folder)) return failed(noWorkspace(resolve(cwd)))
  }
}

const isWorkspace = (folder: string): Promise<boolean> =>
  stat(join(folder, configurationPaths.workspace)).then(
    (found) => found.isFile(),
    () => false,
  )

function noWorkspace(folder: string, byVariable?: boolean): Failure {
  const where = {
    undefined: 'nor in any folder above it',
    true: 'OPS_WORKSPACE names it',
    false: '--workspace names it',
  }
  return {
    code: 'workspace-missing',
    message: `${folder} has no ${configurationPaths.workspace}`,
    why: where[`${byVariable}`],
    next: ['task --init --ops'],
    outcome: 'unchanged',
  }
}

/**
 * The texts of a workspace's configuration and examples. Files with values (`.env.<name>`) are not read here. Failures: files that cannot be read, or are no
 * UTF-8, all at once.
 */
export async function readWorkspaceTexts(folder: string): Promise<Result<WorkspaceTexts>> {
  const texts = new Map<string, string>()
  const failures: Failure[] = []
  for (const path of await configurationFiles(folder)) {
    const absolute = join(folder, path)
    try {
      // Opening a pipe would wait for a writer.
      if ((await stat(absolute)).isFile()) {
        const text = asText(await readFile(absolute), absolute)
        if (text.ok) texts.set(path, text.value)
        else failures.push(...text.failures)
      } else failures.push(noFile(absolute))
    } catch (error) {
      failures.push({ ...fileFailure(error, 'read', absolute), outcome: 'unchanged' })
    }
  }
  const [first, ...rest] = failures
  return first ? failed(first, ...rest) : ok(texts)
}

const noFile = (file: string): Failure => ({
  code: 'no-file',
  message: `${file} is no file`,
  place: { file },
  outcome: 'unchanged',
})

async function configurationFiles(folder: string): Promise<string[]> {
  const found: string[] = []
  const walk = async (path: string, deep: boolean): Promise<void> => {
    const entries = await readdir(join(folder, path), { withFileTypes: true }).catch(() => [])
    for (const entry of entries) {
      const inside = `${path}/${entry.name}`
      if (entry.isDirectory()) {
        if (deep) await walk(inside, deep)
      } else if (deep ? /\.ya?ml$|^\.env\..+\.example$/.test(entry.name) : /^workspace\.ya?ml$/.test(entry.name)) {
        found.push(inside)
      }
    }
  }
  await walk('config', false)
  await walk(configurationPaths.services, true)
  await walk(configurationPaths.environments, true)
  return found.sort()
}

/** Every mistake of a workspace at once, with absolute paths in the places. */
export async function checkWorkspace(
  folder: string,
): Promise<Result<{ workspace: Workspace | undefined; failures: ConfigurationFailure[] }>> {
  const texts = await readWorkspaceTexts(folder)
  if (!texts.ok) return texts
  const { workspace, failures } = validateWorkspace(texts.value, { exists: existsIn(folder) })
  return ok({ workspace, failures: failures.map((failure) => withAbsolutePlace(failure, folder)) })
}

/** Looks up paths relative to a folder. */
export const existsIn =
  (folder: string) =>
  (path: string): boolean =>
    existsSync(join(folder, path))

/** A failure whose place names its file by the absolute path. */
export const withAbsolutePlace = <T extends Failure>(failure: T, folder: string): T =>
  failure.place ? { ...failure, place: { ...failure.place, file: resolve(folder, failure.place.file) } } : failure
