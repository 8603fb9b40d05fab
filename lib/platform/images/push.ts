import { failed, ok, type Result } from '../../model/failure.ts'
import type { Handler, ReleaseStore } from '../../model/platform.ts'
import type { Clock } from '../../system/clock.ts'
import type { Engine } from '../docker/engine.ts'
import { sendImage } from '../docker/images.ts'
import { observeImages } from '../docker/observe-images.ts'
import { forgetImage, lookUpImages } from './registry.ts'

/** What a push needs of a platform. */
export type PushPlace = { engine: Engine; clock: Clock; releases: ReleaseStore }

/**
 * Sends an image that was built to its registry, and writes its digest down in the release's record. Failures: `image-not-pushable`,
 * `registry-unreachable`, `aborted`, `digest-unknown`.
 */
export const pushImage = ({ engine, clock, releases }: PushPlace): Handler<'push-image'> => ({
  async run({ data: { service, reference, release } }, { signal, output }) {
    forgetImage(reference)
    const sent = await sendImage(engine, reference, { signal, output, clock })
    if (!sent.ok) return failed({ ...sent.failures[0], service })
    const digest = await pushedDigest(engine, reference)
    if (!digest.ok) return digest
    await writeDown(releases, release, reference, digest.value)
    return ok({ message: digest.value, value: digest.value })
  },

  // Its digest has to be in the record as well, and what is there is not sent again.
  check: async () => 'pending',
})

/** What the engine says that an image is in its registry. */
async function pushedDigest(engine: Engine, reference: string): Promise<Result<string>> {
  const observed = await observeImages(engine, [reference])
  if (!observed.ok) return observed
  const [, local] = observed.value[reference]?.identity?.split('@') ?? []
  if (local !== undefined) return ok(local)
  const { [reference]: found } = await lookUpImages([reference], { signal: AbortSignal.timeout(30_000) })
  if (found?.state === 'found') return ok(found.digest)
  return failed({
    code: 'digest-unknown',
    message: `${reference} was pushed, and nobody says what its digest is`,
    next: ['run the command again: what the registry has is not pushed again'],
  })
}

/** Writes of one store come one after the other: each reads what the one before has written. */
const turns = new WeakMap<ReleaseStore, Promise<void>>()

function writeDown(releases: ReleaseStore, number: number, reference: string, digest: string): Promise<void> {
  const write = async () => {
    const record = (await releases.list()).find((one) => one.number === number)
    if (!record) return
    await releases.close(number, { outcome: record.outcome, pushed: { ...record.pushed, [reference]: digest } })
  }
  const turn = (turns.get(releases) ?? Promise.resolve()).then(write)
  turns.set(
    releases,
    turn.catch(() => {}),
  )
  return turn
}
