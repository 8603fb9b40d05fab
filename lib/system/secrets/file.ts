import { failed, ok, type Result } from '../../model/failure.ts'
import type { Secret } from '../../model/secret.ts'
import { asText, secretsInText } from './env-text.ts'
import { configuredPath, readPrivateFile } from './private-file.ts'
import type { ProviderDefinition } from './provider.ts'

/** Values from an .env file. Failures: `env-mode`, `secret-file-missing`, those of the file's lines. */
export const fileProvider: ProviderDefinition<'file'> = {
  allSecret: false,
  async read({ path }, { folder, files }) {
    const known = files?.get(path)
    if (known) return ok(known)
    const absolute = configuredPath(folder, path)
    const file = await readEnvFile(absolute)
    if (!file.ok) return file
    if (file.value.values) return ok(file.value.values)
    return failed({
      code: 'secret-file-missing',
      message: `${absolute} is missing`,
      place: { file: absolute },
      why: 'the environment takes its secrets from it',
      outcome: 'unchanged',
    })
  },
}

/** The text and the values of an .env file; both undefined when there is none. Failures as for the provider. */
export async function readEnvFile(
  path: string,
): Promise<Result<{ text?: string; values?: ReadonlyMap<string, Secret> }>> {
  const octets = await readPrivateFile(path, 'env-mode')
  if (!octets.ok) return octets
  if (octets.value === undefined) return { ok: true, value: {} }
  const text = asText(octets.value, path)
  if (!text.ok) return text
  const values = secretsInText(path, text.value)
  return values.ok ? { ok: true, value: { text: text.value, values: values.value } } : values
}
