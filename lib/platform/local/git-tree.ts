import { copyFile, mkdir, mkdtemp, realpath } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, relative } from 'node:path'
import { failed, ok, type Result } from '../../model/failure.ts'
import { type CommandResult, commandFailed, runChecked } from '../../system/command.ts'
import { removeTree } from '../../system/files.ts'
import { git, gitTopLevel } from '../../system/git.ts'
import { findProgram } from '../../system/programs.ts'

/** Where a workspace is in its repository: the top folder, and its path from there, `''` for the top itself. */
export type Repository = { top: string; prefix: string }

/** The repository of a workspace; undefined when it is in none, or the machine has no git. */
export async function repositoryOf(folder: string): Promise<Result<Repository | undefined>> {
  if (findProgram('git') === undefined) return ok(undefined)
  const top = await gitTopLevel(folder)
  if (!top.ok || top.value === undefined) return top.ok ? ok(undefined) : top
  return ok({ top: top.value, prefix: relative(await realpath(top.value), await realpath(folder)) })
}

/** The tree or blob that a commit or tree has at a path; undefined when there is nothing. */
export async function objectAt(
  folder: string,
  treeish: string,
  path: string,
  env?: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  const result = await git(
    folder,
    ['rev-parse', '--verify', '--quiet', `${treeish}:${path === '.' ? '' : path}`],
    env ? { env } : {},
  )
  const hash = result.ok && result.value.status === 0 ? result.value.stdout.trim() : ''
  return hash === '' ? undefined : hash
}

/**
 * This product's own files, and files with secrets that nobody has told git to ignore. By patterns only: git 2.39 refuses to exclude a path by its
 * name when a .gitignore names it too.
 */
const neverTaken = [':(exclude,glob)**/.ops/**', ':(exclude,glob)**/.env', ':(exclude,glob)**/.env.*']

/** The working tree as git would commit it, in a database of its own: the repository is not written to. */
export type WorkingTree = {
  /** The tree of the workspace's folder. */
  tree: string
  /** The object at a path of the workspace. */
  objectAt(path: string): Promise<string | undefined>
  /** Writes the tree's files into a folder, which is made. */
  export(destination: string, signal?: AbortSignal): Promise<Result<void>>
  /** Removes what was made for it. */
  dispose(): Promise<void>
}

/**
 * Takes the working tree of a workspace: tracked files as they are now, and untracked ones that are not ignored. The same content has the same
 * tree, whether it is committed or not. `.ops/` is never part of it.
 */
export async function takeWorkingTree(folder: string, { top, prefix }: Repository): Promise<Result<WorkingTree>> {
  const temporary = await mkdtemp(join(tmpdir(), 'vital-ops-tree-'))
  const dispose = () => removeTree(temporary)
  const taken = await take(folder, prefix, temporary)
  if (!taken.ok) {
    await dispose()
    return taken
  }
  const { tree, env } = taken.value
  return ok({
    tree,
    objectAt: (path) => objectAt(folder, tree, path, env),
    dispose,
    async export(destination, signal) {
      await mkdir(destination, { recursive: true })
      const archive = join(temporary, 'export.tar')
      const options = signal ? { signal } : {}
      const made = checked(
        ['git', 'archive'],
        // From the top: in a folder below it, git takes that folder's part of the tree.
        await git(top, ['archive', '--format=tar', `--output=${archive}`, tree], { env, ...options }),
      )
      if (!made.ok) return made
      const extracted = await runChecked(['tar', '-x', '-f', archive, '-C', destination], options)
      return extracted.ok ? ok(undefined) : extracted
    },
  })
}

async function take(
  folder: string,
  prefix: string,
  temporary: string,
): Promise<Result<{ tree: string; env: NodeJS.ProcessEnv }>> {
  const paths = await git(folder, ['rev-parse', '--git-path', 'objects', '--git-path', 'index'])
  if (!paths.ok || paths.value.status !== 0) return checked(['git', 'rev-parse'], paths) as never
  const [objects, index] = paths.value.stdout
    .trimEnd()
    .split('\n')
    .map((path) => join(folder, relativeTo(folder, path)))
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    LC_ALL: 'C',
    GIT_TERMINAL_PROMPT: '0',
    GIT_INDEX_FILE: join(temporary, 'index'),
    GIT_OBJECT_DIRECTORY: join(temporary, 'objects'),
    GIT_ALTERNATE_OBJECT_DIRECTORIES: objects,
  }
  for (const name of ['GIT_DIR', 'GIT_WORK_TREE', 'GIT_PREFIX', 'GIT_COMMON_DIR']) delete env[name]
  await mkdir(join(temporary, 'objects'), { recursive: true })
  // The index knows which files have not changed since they were last read.
  await copyFile(index as string, join(temporary, 'index')).catch(() => {})
  const added = await git(folder, ['add', '--all', '--', '.', ...neverTaken], { env })
  if (!added.ok || added.value.status !== 0) return checked(['git', 'add'], added) as never
  const written = await git(folder, ['write-tree'], { env })
  if (!written.ok || written.value.status !== 0) return checked(['git', 'write-tree'], written) as never
  const whole = written.value.stdout.trim()
  const tree = prefix === '' ? whole : await objectAt(folder, whole, prefix, env)
  if (tree !== undefined) return ok({ tree, env })
  return failed({ code: 'workspace-empty', message: `git sees no files in ${folder}`, next: ['git status'] })
}

const relativeTo = (folder: string, path: string): string => (path.startsWith('/') ? relative(folder, path) : path)

function checked(argv: [string, ...string[]], result: Result<CommandResult>): Result<CommandResult> {
  return !result.ok || result.value.status === 0 ? result : failed(commandFailed(argv, result.value))
}
