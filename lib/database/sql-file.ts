import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type Failure, failed, ok, type Result } from '../model/failure.ts'
import { fileFailure } from '../system/files.ts'

/** Text of a file as migrations see it: UTF-8, no byte order mark, line ends `\n`. */
export type NormalisedText = { text: string; sha256: string }

/**
 * Reads a migration's or seed's text. The digest is over the text without white space at its end, so that only a byte order mark, line
 * ends and that white space may change without the file being another. Failures: `sql-file-encoding` and those of reading.
 */
export async function readSql(path: string, shownAs = path): Promise<Result<NormalisedText>> {
  let bytes: Buffer
  try {
    // A thousand small files take a tenth of the time in one go: each of the asynchronous calls goes through the thread pool.
    bytes = readFileSync(path)
  } catch (error) {
    return failed({ ...fileFailure(error, 'read', shownAs), outcome: 'unchanged' })
  }
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return failed(encodingFailure(shownAs, 'it is not UTF-8'))
  }
  if (text.includes('\0')) return failed(encodingFailure(shownAs, 'it holds a NUL character'))
  const normalised = text.replaceAll('\r\n', '\n')
  return ok({ text: normalised, sha256: digestOf(normalised) })
}

/** SHA-256 (hexadecimal) of a normalised text without white space at its end. */
export const digestOf = (text: string): string =>
  createHash('sha256')
    .update(text.replace(/[ \t\n\v\f\r]+$/, ''))
    .digest('hex')

function encodingFailure(file: string, why: string): Failure {
  return {
    code: 'sql-file-encoding',
    message: 'the file is no text that PostgreSQL takes',
    place: { file },
    why,
    outcome: 'unchanged',
  }
}
