/** The name of an image, taken apart (distribution/reference, as docker and Kubernetes read it). */
export type ImageReference = {
  /** As written, without tag and digest. */
  name: string
  /** `docker.io`, `registry.example.com:5000` */
  registry: string
  /** Within its registry: `library/nginx` */
  repository: string
  tag?: string
  /** `sha256:…` */
  digest?: string
}

const pattern = /^(?<name>[^@]+?)(?::(?<tag>[\w][\w.-]{0,127}))?(?:@(?<digest>[a-z0-9]+:[0-9a-f]{32,}))?$/
const nameParts =
  /^(?:(?:[a-zA-Z0-9.-]+|\[[0-9a-fA-F:.]+\])(?::\d+)?\/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:\/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*$/

/** Takes a reference apart; undefined for what names no image (an engine's id among it). */
export function parseImage(text: string): ImageReference | undefined {
  const { name, tag, digest } = pattern.exec(text)?.groups ?? {}
  if (name === undefined || !nameParts.test(name)) return undefined
  const [first = '', ...rest] = name.split('/')
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const registry = !hasRegistry || first === 'index.docker.io' ? 'docker.io' : first
  const path = hasRegistry ? rest.join('/') : name
  return {
    name,
    registry,
    repository: registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path,
    ...(tag !== undefined && { tag }),
    ...(digest !== undefined && { digest }),
  }
}

/** Whether two references are of one repository, whatever their tags and digests. */
export function isSameRepository(one: string, other: string): boolean {
  const [left, right] = [parseImage(one), parseImage(other)]
  return left !== undefined && left.registry === right?.registry && left.repository === right.repository
}

/** `docker.io/library/nginx:1.27` with a digest is `nginx@sha256:…`, that image and no other, as engines name it. */
export function byDigest(reference: string, digest: string): string {
  const { name = reference, registry, repository = '' } = parseImage(reference) ?? {}
  return `${registry === 'docker.io' ? repository.replace(/^library\//, '') : name}@${digest}`
}

/** `registry.example.com/api:latest` of some files is `registry.example.com/api:<their identity>`. */
export const taggedFor = (reference: string, artefact: string): string =>
  `${parseImage(reference)?.name ?? reference}:${artefact.slice(0, 20)}`
