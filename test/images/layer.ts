import { execFileSync } from 'node:child_process'
import { chmodSync, chownSync, constants, copyFileSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** A file of an image that is not the machine's own: its text, or a link's target. `owner` is a user's number. */
export type Extra = { text?: string; link?: string; folder?: true; mode?: number; owner?: number }

/** What one layer holds: programs and libraries of this machine (with what they are linked to), and files of its own. Paths are absolute. */
export type LayerContent = {
  /** Programs and shared libraries: what the dynamic linker wants for them comes along. */
  programs: readonly string[]
  /** Other files of this machine. */
  files?: readonly string[]
  /** Files of this machine that are somewhere else in the image: by their path there. */
  elsewhere?: Readonly<Record<string, string>>
  extra?: Readonly<Record<string, Extra>>
}

/** What identifies the content without reading all of it: each file with its size and time. */
export function identityOf(content: LayerContent): unknown {
  const stamp = (path: string) => {
    const { size, mtimeMs } = statSync(path)
    return [path, size, Math.floor(mtimeMs)]
  }
  return [
    content.programs.map(stamp),
    (content.files ?? []).map(stamp),
    Object.entries(content.elsewhere ?? {}).map(([to, from]) => [to, stamp(from)]),
    content.extra ?? {},
  ]
}

/**
 * Writes the layer as a tar file. The same content gives the same bytes.
 *
 * @param leave files that a layer below has already
 * @returns the machine's files that are in it
 */
export function writeLayer(content: LayerContent, tar: string, stage: string, leave: ReadonlySet<string>): string[] {
  for (const [folder, target] of Object.entries(merged)) {
    mkdirSync(join(stage, target), { recursive: true })
    symlinkSync(target, join(stage, folder))
  }
  const files = [...new Set([...content.programs, ...libraries(content.programs), ...(content.files ?? [])])]
  const taken = files.filter((file) => !leave.has(file))
  for (const [path, file] of [
    ...taken.map((file) => [file, file] as const),
    ...Object.entries(content.elsewhere ?? {}),
  ]) {
    const to = join(stage, path)
    mkdirSync(dirname(to), { recursive: true })
    copyFileSync(file, to, constants.COPYFILE_FICLONE)
    chmodSync(to, statSync(file).mode & 0o777)
  }
  for (const [path, extra] of Object.entries(content.extra ?? {})) put(join(stage, path), extra)
  const order = ['--sort=name', '--mtime=@0', '--numeric-owner']
  execFileSync('tar', ['--create', ...order, '--file', tar, '--directory', stage, '.'], {
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  return taken
}

/** As on Debian: the folders of the root that are links. */
const merged = { bin: 'usr/bin', sbin: 'usr/sbin', lib: 'usr/lib', lib64: 'usr/lib64' }

function put(path: string, { text, link, folder, mode, owner }: Extra): void {
  mkdirSync(folder ? path : dirname(path), { recursive: true })
  if (link !== undefined) {
    symlinkSync(link, path)
    return
  }
  if (!folder) writeFileSync(path, text ?? '')
  chmodSync(path, mode ?? (folder ? 0o755 : 0o644))
  if (owner !== undefined) chownSync(path, owner, owner)
}

/** What the dynamic linker loads for programs; a program without any says so, and is no error. */
function libraries(programs: readonly string[]): string[] {
  let text: string
  try {
    text = execFileSync('ldd', [...programs], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })
  } catch (error) {
    text = String((error as { stdout?: string }).stdout ?? '')
  }
  // `libc.so.6 => /lib/…/libc.so.6 (0x…)` and `/lib64/ld-linux-x86-64.so.2 (0x…)`.
  return [...text.matchAll(/(?:^|\s)(\/[^\s:]+) \(0x/gm)].map(([, path]) => path as string)
}
