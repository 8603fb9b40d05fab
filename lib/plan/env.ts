import type { Op, OpOf } from '../model/op.ts'

/** The op that writes an environment's `.env` file, where something is to be written. */
export const envOps = (data: OpOf<'write-env'>['data'] | undefined): Op[] =>
  data === undefined
    ? []
    : [
        {
          id: 'env',
          kind: 'write-env',
          after: [],
          cause: data.create ? 'it does not exist' : 'the example has new keys',
          changes: true,
          timeoutMs: 10_000,
          data,
        },
      ]
