import type { Handler } from '../../lib/model/platform.ts'
import { isEnvironmentFileWritten, writeEnvironmentFile } from '../../lib/system/env-file.ts'

/** The handler of `write-env`: writes what this process planned, and refuses where the file is not what the plan saw. */
export const writeEnvHandler: Handler<'write-env'> = {
  run: (op) => writeEnvironmentFile(op.data),
  check: async (op) => ((await isEnvironmentFileWritten(op.data)) ? 'done' : 'pending'),
}
