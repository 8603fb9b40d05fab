import { keyringChanged } from '../keyring-changed.ts'
import type { Engine } from './engine.ts'
import type { Owner } from './names.ts'
import { keyName } from './releases.ts'
import { ReleasesVolume } from './releases-volume.ts'

/**
 * The key under which secrets get their digests, kept with the records of an environment, so that two clones come to the same: who may use the
 * engine can read every container's secrets anyhow. Failures are `FailureError`s.
 */
export function sharedKey(
  engine: Engine,
  owner: Owner,
): { read(): Promise<string | undefined>; share(key: string): Promise<void> } {
  const volume = new ReleasesVolume(engine, owner)
  const read = async () => {
    const kept = (await volume.read()).get(keyName)
    return kept && kept.text !== '' ? kept.text.trim() : undefined
  }
  return {
    read,
    async share(key) {
      const there = await read()
      if (there === key) return
      if (there === undefined) return volume.write([{ name: keyName, seq: 0, text: `${key}\n` }])
      throw keyringChanged(owner.environment, 'engine')
    },
  }
}
