import { readdir, readFile, stat } from 'node:fs/promises'
import { join, posix, relative } from 'node:path'
import { parseYamlFile } from '../manifest/yaml-file.ts'
import { type ComposeFile, composeNames, type Mounted, mountedPaths } from '../validate/compose/file.ts'
import type { Workspace } from '../validate/files.ts'

/** What one service may mount of the workspace, so that a release's record stays one: 512 KiB. */
const mostBytes = 512 * 1024

/** The Compose files of the services that have a `docker.path`, by service, with what they mount. One that is not there is left out. */
export async function readComposeFiles(
  root: string,
  { services }: Pick<Workspace, 'services'>,
): Promise<Record<string, ComposeFile>> {
  const entries = await Promise.all(
    [...services.values()].map(async ({ name, configuration }) => {
      const folder = configuration.docker?.path
      const file = folder === undefined ? undefined : await readComposeFile(root, folder)
      return file === undefined ? [] : [[name, file] as const]
    }),
  )
  return Object.fromEntries(entries.flat())
}

/** Where `readComposeFiles` has looked for what it found, relative to the workspace. */
export const composePaths = (
  { services }: Pick<Workspace, 'services'>,
  found: Readonly<Record<string, ComposeFile>>,
): string[] =>
  [...services.values()].flatMap(({ name, configuration }) => {
    const folder = configuration.docker?.path
    if (folder === undefined) return []
    const { path, mounted = {} } = found[name] ?? {}
    const names = composeNames.map((file) => posix.join(folder, file))
    // Behind the one that was found, nobody looked.
    const seen = path === undefined ? names : names.slice(0, names.indexOf(path) + 1)
    return [...seen, ...Object.keys(mounted).map((said) => posix.join(folder, said))]
  })

async function readComposeFile(root: string, folder: string): Promise<ComposeFile | undefined> {
  for (const name of composeNames) {
    const text = await readFile(join(root, folder, name), 'utf8').catch(() => undefined)
    if (text === undefined) continue
    const path = posix.join(folder, name)
    const yaml = parseYamlFile(path, text)
    const mounted = await Promise.all(
      mountedPaths(yaml.value).map(async (said) => [said, await readMounted(root, join(root, folder, said))] as const),
    )
    return { path, yaml, mounted: Object.fromEntries(mounted) }
  }
  return undefined
}

async function readMounted(root: string, path: string): Promise<Mounted> {
  if (relative(root, path).startsWith('..')) return { problem: 'it is not inside of the workspace' }
  try {
    const files: Record<string, string> = {}
    const isFolder = (await stat(path)).isDirectory()
    const names = isFolder ? await readdir(path, { recursive: true, withFileTypes: true }) : undefined
    const paths = names
      ? names.filter((one) => one.isFile()).map((one) => join(one.parentPath ?? one.path, one.name))
      : [path]
    let bytes = 0
    for (const one of paths.sort()) {
      const content = await readFile(one)
      bytes += content.length
      if (bytes > mostBytes) return { problem: `it holds more than ${mostBytes / 1024} KiB` }
      const text = content.toString('utf8')
      if (!Buffer.from(text, 'utf8').equals(content)) return { problem: `${relative(root, one)} is no UTF-8 text` }
      files[isFolder ? relative(path, one).split('\\').join('/') : ''] = text
    }
    return { files }
  } catch {
    return { problem: 'it is not there' }
  }
}
