import { z } from 'zod'
import { takenTargetSchema } from '../backup.ts'
import { defineOpKind } from './shared.ts'

/** Restores a folder, or the configuration, into a new folder, and compares it. What is there is not touched. */
export const restoreFiles = defineOpKind({
  schema: z.strictObject({
    backup: z.int(),
    manifest: z.string(),
    targets: z.array(takenTargetSchema).nonempty(),
    identity: z.string().nullable(),
    source: z.string(),
    /** Where it goes, and stays; relative to the workspace. Null: beside the folder that it is for. */
    into: z.string().nullable(),
    /** The folder that it is for. */
    path: z.string(),
  }),
  text: ({ backup, source, into }) =>
    `restore ${source} of backup ${backup} into ${into === null ? 'a new folder beside it' : into}, and compare`,
})
