import { z } from 'zod'
import { kubernetesObjectSchema, referenceOf, referenceText } from '../kubernetes-object.ts'
import { defineOpKind } from './shared.ts'

/** Makes an object on a cluster what it should be, by server-side apply. It holds no secret. */
export const applyObject = defineOpKind({
  schema: z.strictObject({ object: kubernetesObjectSchema }),
  text: ({ object }) => `apply ${referenceText(referenceOf(object))}`,
})
