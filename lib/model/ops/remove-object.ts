import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Removes an object from a cluster that no kept release has: values of a release, or a claim with its data. */
export const removeObject = defineOpKind({
  schema: z.strictObject({ kind: z.string(), namespace: z.string(), name: z.string() }),
  text: ({ kind, namespace, name }) =>
    `remove ${kind} ${namespace}/${name}${kind === 'PersistentVolumeClaim' ? ' with all its data' : ''}`,
})
