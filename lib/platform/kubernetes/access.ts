import type { Finding } from '../../model/finding.ts'
import { type Access, type AccessNeeds, accessNeeded } from '../../plan/kubernetes/setup/index.ts'
import type { Kubectl } from './kubectl.ts'

/** So many questions are asked by one call of kubectl, one after the other; calls run beside each other. */
const chunkSize = 40

/** What gates watch: of other resources a deploy lists and watches nothing. */
const watched: ReadonlySet<string> = new Set([
  'pods',
  'events',
  'deployments',
  'replicasets',
  'statefulsets',
  'daemonsets',
  'jobs',
  'persistentvolumeclaims',
  'services',
  'customresourcedefinitions',
])
/** What is looked at where it may be, and does without where it may not. */
const dispensable: ReadonlySet<string> = new Set(['resourcequotas', 'limitranges', 'pods/log', 'pods/exec'])

/** What a deploy cannot do without, of all that its deployer is given. */
export const deployAccess = (needs: AccessNeeds): Access[] =>
  accessNeeded(needs).filter(({ verb, resource, namespace }) => {
    if (dispensable.has(resource)) return false
    if (resource === 'pods/portforward') return verb === 'create'
    if (verb !== 'list' && verb !== 'watch') return true
    return watched.has(resource) || (verb === 'list' && resource === 'secrets' && namespace === needs.releases)
  })

const questionOf = ({ verb, group, resource, namespace }: Access): unknown => {
  const [name, subresource] = resource.split('/')
  const resourceAttributes = {
    verb,
    group,
    resource: name,
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
  }
  return {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    metadata: {},
    spec: { resourceAttributes },
  }
}

/**
 * What of this the user may not do, as one finding for each resource and namespace with all its verbs. A server that answers no reviews is
 * not believed to refuse: the apply itself will say so.
 */
export async function accessFindings(kubectl: Kubectl, access: Access[], signal: AbortSignal): Promise<Finding[]> {
  const chunks = Array.from({ length: Math.ceil(access.length / chunkSize) }, (_, index) =>
    access.slice(index * chunkSize, (index + 1) * chunkSize),
  )
  const refused = (await Promise.all(chunks.map((chunk) => ask(kubectl, chunk, signal)))).flat()
  const groups = new Map<string, Access[]>()
  for (const one of refused) {
    const key = `${one.group}/${one.resource}/${one.namespace ?? ''}`
    groups.set(key, [...(groups.get(key) ?? []), one])
  }
  return [...groups.values()].map((verbs) => {
    const { group, resource, namespace } = verbs[0] as Access
    const what = group === '' ? resource : `${resource}.${group}`
    const where = namespace === undefined ? 'of the cluster' : `in the namespace ${namespace}`
    return {
      rule: 'access-missing',
      severity: 'error',
      message: `you may not ${verbs.map(({ verb }) => verb).join(', ')} ${what} ${where}`,
      mend: `who administers the cluster gives you the verbs, or the deployer's account that \`task setup k8s\` makes has them: kubectl auth can-i ${verbs[0]?.verb} ${what}${namespace === undefined ? '' : ` -n ${namespace}`}`,
    }
  })
}

/** The template gives one line for each answer; the questions are in it, since one that got no answer has none. */
const template =
  'jsonpath={.spec.resourceAttributes.verb} {.spec.resourceAttributes.group}/{.spec.resourceAttributes.resource}/{.spec.resourceAttributes.subresource}/{.spec.resourceAttributes.namespace} {.status.allowed}{"\\n"}'

async function ask(kubectl: Kubectl, access: Access[], signal: AbortSignal): Promise<Access[]> {
  const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', metadata: {}, items: access.map(questionOf) })
  const answered = await kubectl.run(['create', '--validate=ignore', '-f', '-', '-o', template], { input, signal })
  if (!answered.ok) return []
  const lines = new Set(answered.value.stdout.split('\n'))
  return access.filter(({ verb, group, resource, namespace = '' }) => {
    const [name, subresource = ''] = resource.split('/')
    return lines.has(`${verb} ${group}/${name}/${subresource}/${namespace} false`)
  })
}
