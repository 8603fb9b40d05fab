import type { BrokenWorkspace } from './edits.ts'
import { environments } from './environments.ts'
import { references } from './references.ts'
import { services } from './services.ts'
import { structure } from './structure.ts'
import { yaml } from './yaml.ts'

export { type BrokenWorkspace, broken, type Edit } from './edits.ts'

/** Every rule is broken at least once; the library and the command are both held against these. */
export const brokenWorkspaces: readonly BrokenWorkspace[] = [
  ...structure,
  ...yaml,
  ...services,
  ...references,
  ...environments,
]
