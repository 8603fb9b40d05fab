import { readFile, stat } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { errorCode, fileFailure } from '../files.ts'

/** The absolute path of a configured one: relative to the workspace, or `~/…`. */
export function configuredPath(folder: string, path: string): string {
  return path.startsWith('~/') ? join(homedir(), path.slice(2)) : resolve(folder, path)
}

/**
 * Reads a file that only its owner may read; undefined if there is none. Failures: `mode` (the code that is given) with the command that mends it when
 * others may read or write it, and those of reading.
 */
export async function readPrivateFile(path: string, mode: string): Promise<Result<Buffer | undefined>> {
  try {
    const found = await stat(path)
    // Opening a pipe would wait for a writer.
    if (!found.isFile() && !found.isDirectory()) {
      return failed({ code: 'no-file', message: `${path} is no file`, place: { file: path }, outcome: 'unchanged' })
    }
    const bits = found.mode & 0o777
    if ((bits & 0o077) !== 0) return failed(tooOpen(path, bits, mode))
    return ok(await readFile(path))
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return ok(undefined)
    return failed({ ...fileFailure(error, 'read', path), outcome: 'unchanged' })
  }
}

function tooOpen(path: string, bits: number, code: string): Failure {
  return {
    code,
    message: `${path} may be read by others (mode 0${bits.toString(8)})`,
    place: { file: path },
    why: 'it holds secrets; only its owner may read and write it',
    next: [`chmod 600 ${/^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`}`],
    outcome: 'unchanged',
  }
}
