import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Removes an object from a cluster that no kept release has: values of a release, a claim with its data, or a namespace. */
export const removeObject = defineOpKind({
  schema: z.strictObject({ kind: z.string(), namespace: z.string(), name: z.string() }),
  text: ({ kind, namespace, name }) =>
    kind === 'Namespace'
      ? `remove Namespace ${name} with everything in it`
      : `remove ${kind} ${namespace}/${name}${kind === 'PersistentVolumeClaim' ? ' with all its data' : ''}`,
})
