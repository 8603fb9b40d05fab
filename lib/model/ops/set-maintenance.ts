import { z } from 'zod'
import { proxyAdapterNames } from '../service.ts'
import { defineOpKind } from './shared.ts'

/** Has a proxy answer every request with 503, or lets requests through again. */
export const setMaintenance = defineOpKind({
  schema: z.strictObject({ service: z.string(), adapter: z.enum(proxyAdapterNames), on: z.boolean() }),
  text: ({ service, on }) =>
    on ? `answer 503 to every request that comes to ${service}` : `let requests through ${service} again`,
})
