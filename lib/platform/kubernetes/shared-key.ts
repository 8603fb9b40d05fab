import { FailureError } from '../../model/failure.ts'
import { keyringChanged } from '../keyring-changed.ts'
import { createObject, ensureHome, findRecord, packed, type RecordPlace, recordSecret, unpacked } from './records.ts'

const keyName = 'key'

/**
 * The key under which secrets get their digests, kept beside the releases of an environment, so that two clones come to the same: who may read
 * it there can read the services' Secrets anyhow. Failures are `FailureError`s.
 */
export function sharedKey(place: RecordPlace): {
  read(): Promise<string | undefined>
  share(key: string): Promise<void>
} {
  const read = async () => {
    const key = unpacked((await findRecord(place, keyName))?.data?.key)
    return typeof key === 'string' ? key : undefined
  }
  const differs = (there: string | undefined, key: string) => {
    if (there !== key) throw keyringChanged(place.environment, 'cluster')
  }
  return {
    read,
    async share(key) {
      const there = await read()
      if (there !== undefined) return differs(there, key)
      await ensureHome(place)
      const made = await createObject(place.kubectl, recordSecret(place, 'key', keyName, { key: packed(key) }))
      if (!made.ok) throw new FailureError(...made.failures)
      if (!made.value) differs(await read(), key)
    },
  }
}
