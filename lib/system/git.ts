import { mkdir } from 'node:fs/promises'
import { relative, resolve } from 'node:path'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { type CommandOptions, type CommandResult, commandFailed, runChecked, runCommand } from './command.ts'
import { removeTree } from './files.ts'

/** Variables that git sets for its hooks; a command started from one would act on that repository and not on ours. */
const gitVariables = [
  'GIT_DIR',
  'GIT_WORK_TREE',
  'GIT_INDEX_FILE',
  'GIT_PREFIX',
  'GIT_COMMON_DIR',
  'GIT_OBJECT_DIRECTORY',
]

/** Runs git in a folder. Reading takes no lock (a `git status` of ours must not disturb the user's own commands). */
export function git(folder: string, args: string[], options: CommandOptions = {}): Promise<Result<CommandResult>> {
  const env: NodeJS.ProcessEnv = { ...process.env, GIT_OPTIONAL_LOCKS: '0', GIT_TERMINAL_PROMPT: '0', LC_ALL: 'C' }
  for (const name of gitVariables) delete env[name]
  return runCommand(['git', '-C', folder, ...args], { env, ...options })
}

async function gitChecked(folder: string, args: string[], signal?: AbortSignal): Promise<Result<CommandResult>> {
  const result = await git(folder, args, { ...(signal && { signal }) })
  if (!result.ok || result.value.status === 0) return result
  return failed(commandFailed(['git', ...(args as [string])], result.value))
}

/** The top folder of the repository that `folder` is in; undefined if it is in none. */
export async function gitTopLevel(folder: string): Promise<Result<string | undefined>> {
  const result = await git(folder, ['rev-parse', '--show-toplevel'])
  if (!result.ok) return result
  if (result.value.status === 0) return ok(result.value.stdout.replace(/\n$/, ''))
  const { stderr } = result.value
  // 128 is also what git ends with in a repository of another user ("dubious ownership"), which is not the same as none.
  return stderr.includes('not a git repository')
    ? ok(undefined)
    : failed(commandFailed(['git', 'rev-parse'], result.value))
}

/** The full hash of the commit that a reference (branch, tag, `HEAD~2`, short hash) stands for. Failure `unknown-revision`. */
export async function resolveCommit(folder: string, reference: string): Promise<Result<string>> {
  const unknown: Failure = {
    code: 'unknown-revision',
    message: `there is no commit ${JSON.stringify(reference)} in the repository of ${folder}`,
    next: ['git fetch --tags', 'git log --oneline --all'],
    outcome: 'unchanged',
  }
  if (reference === '' || reference.startsWith('-')) return failed(unknown)
  const result = await git(folder, ['rev-parse', '--verify', '--quiet', `${reference}^{commit}`])
  if (!result.ok) return result
  const hash = result.value.stdout.trim()
  return result.value.status === 0 && /^[0-9a-f]{40,64}$/.test(hash) ? ok(hash) : failed(unknown)
}

/** The files below `folder`, relative to it, that differ from HEAD: changed, added, deleted, renamed or untracked; sorted. */
export async function dirtyFiles(folder: string): Promise<Result<string[]>> {
  const top = await gitChecked(folder, ['rev-parse', '--show-prefix'])
  if (!top.ok) return top
  const prefix = top.value.stdout.replace(/\n$/, '')
  const status = await gitChecked(folder, ['status', '--porcelain=v1', '-z', '--untracked-files=all', '--', '.'])
  if (!status.ok) return status
  return ok(
    parseStatus(status.value.stdout)
      .map((path) => relative(`/${prefix}`, `/${path}`))
      .sort(),
  )
}

/** The paths in `git status --porcelain=v1 -z`, relative to the repository. A rename has two entries: the new name, then the old one. */
export function parseStatus(text: string): string[] {
  const entries = text.split('\0').filter((entry) => entry !== '')
  const paths: string[] = []
  for (let index = 0; index < entries.length; index++) {
    const entry = entries[index] as string
    paths.push(entry.slice(3))
    if (/^[RC]|^.[RC]/.test(entry)) paths.push(entries[++index] as string)
  }
  return paths
}

/**
 * Writes what a commit has in `subfolder` (a path from the repository's top, `''` for all of it) into `destination`, which is made.
 * It is `git archive`: `export-ignore` in .gitattributes is respected, submodules are left out. By a temporary file and not a pipe, so
 * that the failure of either program is seen.
 */
export async function exportTree(
  folder: string,
  commit: string,
  subfolder: string,
  destination: string,
  signal?: AbortSignal,
): Promise<Result<void>> {
  const tree = subfolder === '' || subfolder === '.' ? commit : `${commit}:${subfolder.replace(/\/+$/, '')}`
  // From a subfolder, git archive looks for that subfolder within the tree.
  const top = await gitTopLevel(folder)
  if (!top.ok) return top
  await mkdir(destination, { recursive: true })
  const archive = `${resolve(destination)}.export.tar`
  try {
    const made = await gitChecked(top.value ?? folder, ['archive', '--format=tar', `--output=${archive}`, tree], signal)
    if (!made.ok) return made
    const options = { ...(signal && { signal }) }
    const extracted = await runChecked(['tar', '-x', '-f', archive, '-C', destination], options)
    return extracted.ok ? ok(undefined) : extracted
  } finally {
    await removeTree(archive)
  }
}
