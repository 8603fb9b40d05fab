import { readJson, writeFileAtomic } from '../../../system/files.ts'
import type { ProcessIdentity } from '../../../system/process-identity.ts'
import { statePath } from '../paths.ts'
import type { ServiceRecord } from './record.ts'

/** What a supervisor has on disk: who it is, and what it knows of its services. Holds no secret. */
export type StateFile = {
  version: 1
  supervisor: ProcessIdentity
  /** It ended in order: nothing of it is left. */
  ended: boolean
  services: ServiceRecord[]
}

/** Reads the state that the workspace's last supervisor has left; undefined when there is none. Throws `FailureError`. */
export async function readState(folder: string): Promise<StateFile | undefined> {
  const state = (await readJson(statePath(folder))) as StateFile | undefined
  return state?.version === 1 ? state : undefined
}

/** Writes the state after changes; changes during a write share the next one. */
export class StateWriter {
  readonly #folder: string
  readonly #read: () => StateFile
  #dirty = false
  #writing: Promise<void> | undefined
  #problem: unknown

  /** `read` gives the state as it is now. */
  constructor(folder: string, read: () => StateFile) {
    this.#folder = folder
    this.#read = read
  }

  /** Says that the state has changed. */
  changed(): void {
    this.#dirty = true
    this.#writing ??= this.#write()
  }

  /** Resolves when every change so far is on disk; rejects with a `FailureError` when it could not be written. */
  async flush(): Promise<void> {
    while (this.#writing !== undefined) await this.#writing
    if (this.#problem) throw this.#problem
  }

  async #write(): Promise<void> {
    while (this.#dirty) {
      this.#dirty = false
      try {
        await writeFileAtomic(statePath(this.#folder), `${JSON.stringify(this.#read(), undefined, 2)}\n`, {
          mode: 0o600,
        })
        this.#problem = undefined
      } catch (error) {
        this.#problem = error
      }
    }
    this.#writing = undefined
  }
}
