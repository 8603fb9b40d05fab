import { dirname, join, posix } from 'node:path'
import { ok, type Place, type Result } from '../../model/failure.ts'
import { bundleModule, loadModule } from '../module.ts'
import { placeAt } from '../sql/positions.ts'
import { digestOf, type NormalisedText, readSql } from '../sql-file.ts'
import { type Migration, migrationOf } from './definition.ts'

const purpose = { what: 'migration', code: 'migration-format' } as const

/** Whether a migration's file is TypeScript. */
export const isTyped = (path: string): boolean => path.endsWith('.ts')

/**
 * Reads a migration's text and digest. That of one in TypeScript is the file, followed by each local file that it imports; packages are no part of it.
 * Failures: those of reading, `migration-format`.
 */
export async function readMigrationText(root: string, path: string): Promise<Result<NormalisedText>> {
  if (!isTyped(path)) return readSql(join(root, path), path)
  const bundled = await bundleModule(root, path, purpose)
  return bundled.ok ? readWithImports(root, path, bundled.value.imports) : bundled
}

/** A migration in TypeScript, ready to run. */
export type TypedMigration = NormalisedText & { imports: string[]; definition: Migration }

/** Reads and loads a migration in TypeScript. Failures: those of reading, `migration-format`. */
export async function loadTypedMigration(root: string, path: string): Promise<Result<TypedMigration>> {
  const bundled = await bundleModule(root, path, purpose)
  if (!bundled.ok) return bundled
  const { code, imports } = bundled.value
  const read = await readWithImports(root, path, imports)
  if (!read.ok) return read
  const module = await loadModule(root, path, code, purpose)
  if (!module.ok) return module
  const definition = migrationOf(module.value, path)
  return definition.ok ? ok({ ...read.value, imports, definition: definition.value }) : definition
}

/** Where an imported file begins in the text. The name is as seen from the migration's folder: a folder that moves changes nothing. */
const heading = (path: string, imported: string): string => `/* ${posix.relative(dirname(path), imported)} */`

/** The text of a migration in TypeScript, with that of the files that it imports. */
export async function readWithImports(
  root: string,
  path: string,
  imports: readonly string[],
): Promise<Result<NormalisedText>> {
  const entry = await readSql(join(root, path), path)
  if (!entry.ok || imports.length === 0) return entry
  let { text } = entry.value
  for (const imported of imports) {
    const read = await readSql(join(root, imported), imported)
    if (!read.ok) return read
    text = `${text.trimEnd()}\n\n${heading(path, imported)}\n${read.value.text}`
  }
  return ok({ text, sha256: digestOf(text) })
}

/** The place of an offset in such a text: in the migration's own file, or in the imported one. */
export function placeInText(path: string, text: string, offset: number): Place {
  const [last] = isTyped(path) ? [...text.slice(0, offset).matchAll(/\n\n\/\* (\S+\.\w+) \*\/\n/g)].slice(-1) : []
  if (last?.[1] === undefined) return { file: path, ...placeAt(text, offset) }
  const begin = last.index + last[0].length
  return { file: posix.join(dirname(path), last[1]), ...placeAt(text.slice(begin), offset - begin) }
}
