import type { SecretProvider } from '../../model/environment.ts'
import { type Failure, failed, ok, type Result } from '../../model/failure.ts'
import type { Secret } from '../../model/secret.ts'
import { ageProvider } from './age.ts'
import { commandProvider } from './command.ts'
import { fileProvider } from './file.ts'
import { processProvider } from './process.ts'
import type { ProviderContext, ProviderDefinition } from './provider.ts'

/** The table of providers. */
export const secretProviders = {
  file: fileProvider,
  process: processProvider,
  command: commandProvider,
  age: ageProvider,
} satisfies { [T in SecretProvider['type']]: ProviderDefinition<T> }

/** Values by name: those that are secret whatever their name as `Secret`, others as text. */
export type ProvidedValues = ReadonlyMap<string, Secret | string>

/** The values of all providers, one after the other; the first one that has a name wins. All failures of all providers at once. */
export async function readSecrets(
  providers: readonly SecretProvider[],
  context: ProviderContext,
): Promise<Result<ProvidedValues>> {
  const merged = new Map<string, Secret | string>()
  const failures: Failure[] = []
  for (const provider of providers) {
    const result = await readOne(provider, context)
    if (!result.ok) {
      failures.push(...result.failures)
      continue
    }
    const { allSecret } = secretProviders[provider.type]
    for (const [name, secret] of result.value) {
      if (!merged.has(name)) merged.set(name, allSecret ? secret : secret.reveal())
    }
  }
  const [first, ...rest] = failures
  return first ? failed(first, ...rest) : ok(merged)
}

function readOne<T extends SecretProvider['type']>(
  provider: Extract<SecretProvider, { type: T }>,
  context: ProviderContext,
): Promise<Result<ReadonlyMap<string, Secret>>> {
  const definition = secretProviders[provider.type] as unknown as ProviderDefinition<T>
  return definition.read(provider, context)
}
