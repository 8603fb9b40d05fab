import { z } from 'zod'
import { defineOpKind } from './shared.ts'

/** Removes something from the engine that nobody needs: a container with its anonymous volumes, a network, a named volume, an image. */
export const removeLeftover = defineOpKind({
  schema: z.discriminatedUnion('what', [
    z.strictObject({ what: z.literal('container'), id: z.string(), name: z.string(), running: z.boolean() }),
    z.strictObject({ what: z.literal('network'), id: z.string(), name: z.string() }),
    z.strictObject({ what: z.literal('volume'), name: z.string() }),
    z.strictObject({ what: z.literal('image'), reference: z.string(), identity: z.string() }),
  ]),
  text: (data) => {
    switch (data.what) {
      case 'container':
        return `${data.running ? 'stop and remove' : 'remove'} the container ${data.name}, with its anonymous volumes`
      case 'network':
        return `remove the network ${data.name}`
      case 'volume':
        return `remove the volume ${data.name} with all its data`
      case 'image':
        return `remove the image ${data.reference} (${data.identity.replace(/^.*sha256:/, '').slice(0, 12)})`
    }
  },
})
