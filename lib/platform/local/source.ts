import { cp, mkdir, readdir, realpath } from 'node:fs/promises'
import { join, posix, relative, sep } from 'node:path'
import type { Desired } from '../../model/desired.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import type { ObservedSource } from '../../model/snapshot.ts'
import { dirtyFiles, exportTree, git, resolveCommit } from '../../system/git.ts'
import { treeDigest } from '../../system/trees.ts'
import { objectAt, type Repository, repositoryOf, takeWorkingTree } from './git-tree.ts'

/** How a commit that is none is called: `tree-` and what identifies the content. */
export const treePrefix = 'tree-'

const workingTree = 'working tree'

/** The folder whose content identifies a service's artefact, by service, relative to the workspace. */
export type Contexts = Record<string, string>

/** The contexts of the services that have files. */
export function contextsOf(desired: Desired): Contexts {
  const entries = desired.services.flatMap(({ name, spec, build }) =>
    spec?.command === undefined ? [] : [[name, posix.normalize(build?.context ?? spec.directory)] as const],
  )
  return Object.fromEntries(entries)
}

/**
 * Looks at the files that a deploy would take: those of a revision, else of HEAD; with uncommitted changes (and `allowDirty`), or without git, the
 * working tree. A service's artefact is the git tree of its context, which depends on nothing but the content.
 */
export async function observeSource(
  folder: string,
  contexts: Contexts,
  options: { revision?: string; allowDirty: boolean },
): Promise<Result<ObservedSource>> {
  const found = await repositoryOf(folder)
  if (!found.ok) return found
  const repository = found.value
  const { revision, allowDirty } = options
  if (!repository) {
    return revision === undefined ? withoutGit(folder, contexts) : failed(noRepository(folder, revision))
  }
  const head = await git(folder, ['rev-parse', '--verify', '--quiet', 'HEAD'])
  const unborn = head.ok && head.value.status !== 0
  const dirty = revision === undefined ? await dirtyBelow(folder) : ok([])
  if (!dirty.ok && !unborn) return dirty
  if (revision === undefined && (unborn || (allowDirty && dirty.ok && dirty.value.length > 0))) {
    return ofWorkingTree(folder, repository, contexts, unborn || !dirty.ok ? [] : dirty.value)
  }
  const commit = await resolveCommit(folder, revision ?? 'HEAD')
  if (!commit.ok) return commit
  const artefacts = await artefactsAt(contexts, (path) =>
    objectAt(folder, commit.value, posix.join(repository.prefix, path)),
  )
  return ok({ revision: revision ?? 'HEAD', commit: commit.value, dirty: dirty.ok ? dirty.value : [], artefacts })
}

/**
 * Writes the files of an observed source into a folder that does not exist yet. Failure `changed-meanwhile` when the working tree is not
 * any more what was observed.
 */
export async function exportSourceTo(
  folder: string,
  source: { revision: string; commit: string; workingTree: boolean },
  destination: string,
  signal: AbortSignal,
): Promise<Result<void>> {
  const found = await repositoryOf(folder)
  if (!found.ok) return found
  const repository = found.value
  if (!source.workingTree) {
    if (!repository) return failed(noRepository(folder, source.revision))
    return exportTree(repository.top, source.commit, repository.prefix, destination, signal)
  }
  const wanted = source.commit.slice(treePrefix.length)
  if (!repository) {
    const skip = await skippedNames(folder)
    await copyTree(folder, destination, new Set(skip))
    return (await treeDigest(destination, skip)) === wanted ? ok(undefined) : failed(treeChanged)
  }
  const taken = await takeWorkingTree(folder, repository)
  if (!taken.ok) return taken
  try {
    return taken.value.tree === wanted ? await taken.value.export(destination, signal) : failed(treeChanged)
  } finally {
    await taken.value.dispose()
  }
}

async function ofWorkingTree(
  folder: string,
  repository: Repository,
  contexts: Contexts,
  dirty: string[],
): Promise<Result<ObservedSource>> {
  const taken = await takeWorkingTree(folder, repository)
  if (!taken.ok) return taken
  try {
    const { tree } = taken.value
    const artefacts = await artefactsAt(contexts, (path) => taken.value.objectAt(path))
    return ok({ revision: workingTree, commit: `${treePrefix}${tree}`, dirty, artefacts })
  } finally {
    await taken.value.dispose()
  }
}

async function artefactsAt(
  contexts: Contexts,
  at: (path: string) => Promise<string | undefined>,
): Promise<Record<string, string>> {
  const artefacts: Record<string, string> = {}
  for (const [service, context] of Object.entries(contexts)) {
    const path = context.replace(/\/+$/, '')
    const object = await at(path === '' ? '.' : path)
    if (object !== undefined) artefacts[service] = object
  }
  return artefacts
}

/** Uncommitted files of the workspace. What this product keeps there is none, also where nobody ignores it. */
async function dirtyBelow(folder: string): Promise<Result<string[]>> {
  const dirty = await dirtyFiles(folder)
  return dirty.ok ? ok(dirty.value.filter((path) => path !== '.ops' && !path.startsWith('.ops/'))) : dirty
}

// --- without git ---

async function withoutGit(folder: string, contexts: Contexts): Promise<Result<ObservedSource>> {
  const skip = await skippedNames(folder)
  const artefacts: Record<string, string> = {}
  for (const [service, context] of Object.entries(contexts)) {
    const digest = await treeDigest(join(folder, context), skip).catch(() => undefined)
    if (digest !== undefined) artefacts[service] = digest
  }
  const commit = `${treePrefix}${await treeDigest(folder, skip)}`
  return ok({ revision: workingTree, commit, dirty: [], artefacts })
}

/** What git would be told to ignore: installed packages, this product's files, and files with secrets. */
async function skippedNames(folder: string): Promise<string[]> {
  const secrets = (await readdir(folder)).filter((name) => /^\.env(\.|$)/.test(name) && !name.endsWith('.example'))
  return ['.git', '.ops', 'node_modules', ...secrets]
}

async function copyTree(folder: string, destination: string, skip: ReadonlySet<string>): Promise<void> {
  const top = await realpath(folder)
  await mkdir(destination, { recursive: true })
  for (const name of await readdir(top)) {
    if (skip.has(name)) continue
    await cp(join(top, name), join(destination, name), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (path) =>
        !relative(top, path)
          .split(sep)
          .some((part) => skip.has(part)),
    })
  }
}

const noRepository = (folder: string, revision: string): Failure => ({
  code: 'no-repository',
  message: `${folder} is in no git repository (or git is not installed), so there is no revision ${JSON.stringify(revision)}`,
  next: ['leave --revision out to deploy the files as they are'],
  outcome: 'unchanged',
})

const treeChanged: Failure = {
  code: 'changed-meanwhile',
  message: 'files of the working tree were changed since the plan was made',
  next: ['run the command again: it plans anew'],
  outcome: 'unchanged',
}
