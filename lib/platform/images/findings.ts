import type { Finding } from '../../model/finding.ts'
import type { RegistryImage } from '../../model/snapshot.ts'

/** What is wrong with an image that is to be fetched from its registry; nothing where it is there. */
export function pullFindings(reference: string, image: RegistryImage | undefined): Finding[] {
  if (image?.state === 'found') return []
  if (image?.state === 'missing' || image?.state === 'refused') {
    const login = image.state === 'refused' && !image.login ? '   # after docker login' : ''
    return [
      {
        rule: 'image-not-pullable',
        severity: 'error',
        message: `${reference} cannot be pulled: ${image.why}`,
        mend: `docker pull ${reference}${login}`,
      },
    ]
  }
  return [
    {
      rule: 'image-not-checked',
      severity: 'warning',
      message: `whether ${reference} can be pulled is not known: ${image?.why ?? 'its registry is not reached from here'}`,
      mend: `docker pull ${reference}`,
    },
  ]
}

/** What speaks against a push; that a registry does not have the image yet does not. */
export function pushFindings(reference: string, image: RegistryImage | undefined): Finding[] {
  if (image === undefined || image.state === 'found' || image.state === 'missing') return []
  const registry = reference.split('/')[0]
  // Some registries say of what is not there yet that it is not given to us: who is logged in may well push.
  const severity = image.state === 'refused' && !image.login ? 'error' : 'warning'
  return [
    {
      rule: image.state === 'refused' ? 'image-not-pushable' : 'image-not-checked',
      severity,
      message: `whether ${reference} can be pushed is not known: ${image.why}`,
      mend: image.state === 'refused' ? `docker login ${registry}` : `docker push ${reference}`,
    },
  ]
}
