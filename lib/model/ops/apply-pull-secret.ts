import { z } from 'zod'
import { defineOpKind, secretReferenceSchema } from './shared.ts'

/** Makes the Secret with which a cluster pulls images: a login by reference, or the one that the docker command has here. */
export const applyPullSecret = defineOpKind({
  schema: z.strictObject({
    name: z.string(),
    namespace: z.string(),
    registry: z.string(),
    /** Absent: what `docker login` has left here. */
    login: z.strictObject({ user: z.string(), password: secretReferenceSchema }).exactOptional(),
  }),
  text: ({ name, namespace, registry, login }) =>
    `apply Secret ${namespace}/${name} with the login to ${registry} (${login ? `of ${login.password.secret}` : 'of docker'})`,
})
