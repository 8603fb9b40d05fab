import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Puts the files of a revision into the release's folder. */
export const exportSource = defineOpKind({
  schema: z.strictObject({
    release: z.int(),
    revision: z.string(),
    commit: z.string(),
    /** The working tree with its uncommitted changes instead of the commit. */
    workingTree: z.boolean(),
  }),
  text: ({ release, revision, commit, workingTree }) =>
    `take ${workingTree ? 'the working tree' : `${revision} (${commit.slice(0, 12)})`} as release ${release}`,
})
