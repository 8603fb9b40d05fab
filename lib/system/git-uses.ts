import { git } from './git.ts'

/** A line of a file in a commit. */
export type Use = { file: string; line: number; text: string }

/**
 * The lines of a commit's files below a folder that say a word, in files that say the others, too. Markdown is no code. Undefined where the commit cannot be read.
 *
 * @param words the word, and those beside it; not empty ones
 * @param exclude folders that do not count, from `folder`
 */
export async function usesIn(
  folder: string,
  commit: string,
  [word, ...beside]: readonly [string, ...string[]],
  { exclude, signal }: { exclude: readonly string[]; signal?: AbortSignal },
): Promise<Use[] | undefined> {
  const options = { ...(signal && { signal }) }
  const pathspec = ['.', ':(exclude)*.md', ...exclude.map((path) => `:(exclude,literal)${path}`)]
  const patterns = [word, ...beside].flatMap((one) => ['-e', one])
  const found = await git(folder, ['grep', '-zlwFI', '--all-match', ...patterns, commit, '--', ...pathspec], options)
  if (!found.ok || found.value.status > 1) return undefined
  const files = found.value.stdout.split('\0').filter((name) => name !== '')
  if (files.length === 0) return []
  const paths = files.map((name) => `:(literal)${name.slice(commit.length + 1)}`)
  const lines = await git(folder, ['grep', '-znwFI', '-e', word, commit, '--', ...paths], options)
  if (!lines.ok || lines.value.status > 1) return undefined
  return lines.value.stdout.split('\n').flatMap((entry) => {
    const [name = '', line = '', text = ''] = entry.split('\0')
    return line === '' ? [] : [{ file: name.slice(commit.length + 1), line: Number(line), text }]
  })
}
