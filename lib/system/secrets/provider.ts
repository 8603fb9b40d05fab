import type { SecretProvider } from '../../model/environment.ts'
import type { Result } from '../../model/failure.ts'
import type { Secret } from '../../model/secret.ts'

/** Where providers look. */
export type ProviderContext = {
  /** The workspace's absolute path; relative paths start there. */
  folder: string
  /** The process's environment. */
  env: NodeJS.ProcessEnv
  signal: AbortSignal
  /** Values of .env files that were read already, or are about to be written, by their configured paths. */
  files?: ReadonlyMap<string, ReadonlyMap<string, Secret>>
}

/** A kind of provider. A new one is one file with this and one line in the table of lib/system/secrets/index.ts. */
export type ProviderDefinition<T extends SecretProvider['type']> = {
  /** Every value that it gives is a secret, whatever its name; otherwise only those that configuration calls secret. */
  allSecret: boolean
  /** Its values by name, or every failure. Values are in no failure. */
  read(
    provider: Extract<SecretProvider, { type: T }>,
    context: ProviderContext,
  ): Promise<Result<ReadonlyMap<string, Secret>>>
}
