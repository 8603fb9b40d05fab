import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import { Secret } from '../../model/secret.ts'
import { parseEnvFile } from '../../validate/env-file.ts'

/** The values of a text of NAME=value lines, by name. Failures show no value; `file` names the text in them. */
export function secretsInText(file: string, text: string): Result<ReadonlyMap<string, Secret>> {
  const { entries, failures } = parseEnvFile(file, text, { secret: true })
  const [first, ...rest] = failures
  if (first) return failed(first, ...rest)
  return ok(new Map(entries.map(({ name, value }) => [name, new Secret(name, value)])))
}

/** Octets as UTF-8 text, or a failure: values in another encoding would silently become others. */
export function asText(octets: Uint8Array, file: string): Result<string> {
  try {
    return ok(new TextDecoder('utf-8', { fatal: true }).decode(octets))
  } catch {
    const failure: Failure = { code: 'invalid-encoding', message: `${file} is no UTF-8 text`, place: { file } }
    return failed({ ...failure, outcome: 'unchanged' })
  }
}
