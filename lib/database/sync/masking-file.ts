import { readFile } from 'node:fs/promises'
import { parseYamlFile } from '../../manifest/yaml-file.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { type Masking, maskingSchema, type Subset } from '../../model/masking.ts'
import { errorCode, fileFailure } from '../../system/files.ts'
import { checkAgainst } from '../../validate/issues.ts'

/**
 * Reads a masking file. One that is not there is as an empty one: then all that looks personal is found. Failures: those of YAML, of its structure
 * with their places, and of reading.
 */
export async function readMasking(path: string, name: string): Promise<Result<Masking>> {
  let text = ''
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') return failed({ ...fileFailure(error, 'read', path), outcome: 'unchanged' })
  }
  if (text.trim() === '') return ok(maskingSchema.parse({}))
  const yaml = parseYamlFile(name, text)
  const { value, mistakes } = checkAgainst(maskingSchema, yaml)
  const [first, ...rest] = [...yaml.failures, ...mistakes.map(({ failure }) => failure)] as Failure[]
  if (first) return failed(first, ...rest)
  return ok(value ?? maskingSchema.parse({}))
}

/** Conditions as a command line has them, `users: id < 1000`, in the place of the file's tables to begin with. Failure `usage`. */
export function withRows(subset: Subset | undefined, given: readonly string[]): Result<Subset | undefined> {
  if (given.length === 0) return ok(subset)
  const rows: Record<string, string> = {}
  for (const text of given) {
    const [, table, condition] = /^\s*([^:\s]+)\s*:\s*(.+)$/s.exec(text) ?? []
    if (table === undefined || condition === undefined || table in rows) {
      return failed({
        code: 'usage',
        message: `--rows ${JSON.stringify(text)} is no table with a condition${table !== undefined && table in rows ? ' of its own' : ''}`,
        next: ['--rows "users: id < 1000"'],
        outcome: 'usage',
      })
    }
    rows[table] = condition
  }
  return ok({ children: {}, others: 'all', ...subset, rows })
}
