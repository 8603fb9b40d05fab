import type { Desired } from '../../lib/model/desired.ts'
import { selected } from '../../lib/plan/services.ts'

/** The services that names and `--category` stand for. */
export const selectedNames = (
  desired: Desired,
  args: { readonly names: readonly string[]; readonly category?: string | undefined },
): Set<string> =>
  selected(desired, {
    ...(args.names.length > 0 ? { names: [...args.names] } : {}),
    ...(args.category === undefined ? {} : { category: args.category }),
  })
