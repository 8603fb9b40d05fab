import { field, itemsOf, textOf } from '../../../manifest/fields.ts'
import type { Finding } from '../../../model/finding.ts'
import { findingAbout, objectsOf, type PreflightInput } from './rule.ts'

const defaultMark = 'storageclass.kubernetes.io/is-default-class'

/** Claims that name a storage class which is not there, or none where there is no default one. Claims that exist keep theirs. */
export function storageClassRule(input: PreflightInput): Finding[] {
  if (!input.facts.known.has('StorageClass')) return []
  const classes = objectsOf(input, 'StorageClass')
  const names = classes.map(({ metadata }) => metadata.name)
  const hasDefault = classes.some(({ metadata }) => metadata.annotations?.[defaultMark] === 'true')
  return input.planned.flatMap((one) => {
    if (one.live) return []
    const claims =
      one.object.kind === 'PersistentVolumeClaim'
        ? [one.object]
        : one.object.kind === 'StatefulSet'
          ? itemsOf(one.object, 'spec', 'volumeClaimTemplates')
          : []
    return claims.flatMap((claim) => {
      const name = field(claim, 'spec', 'storageClassName')
      const mend = `name one of: ${names.join(', ') || 'there is none'}; \`storageClass\` of the environment takes a list of fallbacks`
      const title =
        one.object.kind === 'StatefulSet' ? ` for its volumes "${textOf(claim, 'metadata', 'name') ?? ''}"` : ''
      if (typeof name === 'string' && name !== '' && !names.includes(name)) {
        return [
          findingAbout(one, 'storage-class-missing', 'error', `the storage class "${name}"${title} is not there`, mend),
        ]
      }
      const bound = textOf(claim, 'spec', 'volumeName') !== undefined || name === ''
      if (name !== undefined || bound || hasDefault) return []
      return [
        findingAbout(
          one,
          'storage-class-missing',
          'error',
          `names no storage class${title}, and the cluster has no default one`,
          mend,
        ),
      ]
    })
  })
}
