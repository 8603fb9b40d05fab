import { ok } from '../../model/failure.ts'
import { Secret } from '../../model/secret.ts'
import { variablePattern } from '../../model/values.ts'
import type { ProviderDefinition } from './provider.ts'

/** Values from this process's environment: the variables with the prefix, by their names without it. Has no failures. */
export const processProvider: ProviderDefinition<'process'> = {
  allSecret: false,
  async read({ prefix }, { env }) {
    const values = new Map<string, Secret>()
    for (const [variable, value] of Object.entries(env)) {
      const name = variable.slice(prefix.length)
      if (value === undefined || !variable.startsWith(prefix) || !variablePattern.test(name)) continue
      values.set(name, new Secret(name, value))
    }
    return ok(values)
  },
}
