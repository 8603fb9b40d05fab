import type { Desired } from '../model/desired.ts'
import type { Finding } from '../model/finding.ts'
import type { ObservedSource, Snapshot } from '../model/snapshot.ts'
import { manifestImages, withGivenImage } from './images.ts'
import { storageOf } from './kubernetes/storage-classes.ts'
import { releaseTargets, type Target, targetFingerprint, targetOf } from './target.ts'

/** The services of the catalogue as the next release is to run them: their images pinned, and those that were given in the place of theirs. */
export function freshTargets(
  desired: Desired,
  snapshot: Snapshot & { source: ObservedSource },
  given: Readonly<Record<string, string>>,
  findings: Finding[],
): Target[] {
  const { source, releases, current } = snapshot
  const release = Math.max(0, ...releases.map(({ number }) => number)) + 1
  const before = releases.find(({ number }) => number === current)
  const earlier = new Map(before ? releaseTargets(before).map(({ service, spec }) => [service, spec]) : [])
  return desired.services.map((service): Target => {
    const { name, build } = service
    const named = source.manifestImages?.[name] ?? []
    const target = targetOf(service, { kind: 'release', release }, source.artefacts[name], snapshot)
    const { spec } = target
    if (!spec) return target
    if (spec.kubernetes) {
      const knowledge = {
        build,
        artefact: source.builds?.[name],
        seen: snapshot,
        before: earlier.get(name)?.kubernetes?.images,
      }
      const images = manifestImages(named, knowledge)
      const isBuilt = Object.values(images).some(({ built }) => built)
      if (build && !isBuilt && given[name] === undefined) findings.push(notInManifests(name, build.repository ?? ''))
      const hasImages = Object.keys(images).length > 0
      const routes = source.shapes?.[name]?.routes === true
      target.spec = {
        ...spec,
        kubernetes: {
          ...spec.kubernetes,
          ...(hasImages && { images }),
          ...(routes && { routes }),
          ...storageOf(name, source, earlier.get(name)?.kubernetes?.storage),
        },
      }
    }
    const reference = given[name]
    if (reference !== undefined) {
      const placed = withGivenImage(target.spec ?? spec, reference, {
        seen: snapshot,
        named,
        repository: build?.repository,
      })
      if ('rule' in placed) {
        findings.push(placed)
        return target
      }
      target.spec = placed
      delete target.build
      // What it would have been built from says nothing of it.
      if (placed.docker && build) delete placed.artefact
    }
    if (target.spec && (target.spec.kubernetes || reference !== undefined))
      target.fingerprint = targetFingerprint(target.spec)
    return target
  })
}

const notInManifests = (service: string, repository: string): Finding => ({
  rule: 'image-not-in-manifests',
  severity: 'error',
  service,
  message: `no container of ${service} runs an image of ${repository}, which build.repository names`,
  mend: `name it in the manifests, with any tag: image: ${repository}`,
})
