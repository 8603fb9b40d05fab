import type { ClusterSetup } from '../../model/cluster-setup.ts'
import type { Desired } from '../../model/desired.ts'
import type { EnvironmentConfiguration } from '../../model/environment.ts'
import { type Failure, FailureError, failed, ok, type Result, unwrap } from '../../model/failure.ts'
import type { Finding } from '../../model/finding.ts'
import { type KubernetesObject, referenceKey, referenceOf } from '../../model/kubernetes-object.ts'
import {
  accessNeeded,
  deployerObjects,
  limitObjects,
  namespaceObjects,
  namespacesOf,
  networkObjects,
  pullAccounts,
  type ServiceManifests,
} from '../../plan/kubernetes/setup/index.ts'
import { observeSource } from '../local/source.ts'
import { readObjects, referencesOf } from './apply.ts'
import type { KubernetesContext } from './context.ts'
import { readServed } from './facts.ts'
import { ownerLabels } from './names.ts'
import { prepareObjects, secretObject } from './prepare.ts'
import { observePullSecrets } from './pull-secrets.ts'
import { renderSource, toRender } from './source.ts'

/** Fields of what setup makes are owned under a name of their own: a deploy that applies the same object leaves them alone. */
export const setupManager = 'vital-ops-setup'
/** The deployer's ServiceAccount, in the environment's own namespace. */
const deployerName = 'vital-ops-deployer'

/**
 * What an environment should have on its cluster, derived from the manifests of the working tree: namespaces, the deployer's account with its
 * roles, network policies, quotas. What services bring themselves is theirs. Failures: those of git, of rendering, of the cluster.
 */
export async function observeSetup(
  cluster: KubernetesContext,
  desired: Desired,
  address: NonNullable<EnvironmentConfiguration['kubernetes']>,
  signal: AbortSignal,
): Promise<Result<ClusterSetup>> {
  try {
    const services = await manifestsOf(cluster, desired, signal)
    const applied = services.flatMap(({ objects }) => objects)
    const served = await readServed(cluster.kubectl, applied, signal)
    const labels = ownerLabels(cluster)
    const namespaces = namespacesOf(services)
    const connects = desired.database !== undefined && desired.database.url === undefined
    const access = accessNeeded({
      applied,
      removed: applied,
      releases: cluster.home,
      namespaces,
      connects,
      claims: true,
      served,
    })
    const { networkPolicies = true, outside, ingressControllers, podSecurity, quota, containers } = address
    const limits = { ...(quota && { quota }), ...(containers && { containers: definedOf(containers) }) }
    const all = [
      ...(namespaces.includes(cluster.home)
        ? []
        : [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: cluster.home, labels } }]),
      ...namespaceObjects(services, labels, podSecurity),
      ...deployerObjects({ name: deployerName, namespace: cluster.home, labels }, access, applied),
      ...(networkPolicies
        ? networkObjects(services, {
            labels,
            ...(outside && { outside }),
            ...(ingressControllers && { ingressControllers }),
          })
        : []),
      ...namespaces.flatMap((namespace) => limitObjects(namespace, limits, labels)),
    ]
    const own = new Set(applied.map((object) => referenceKey(referenceOf(object))))
    const named = address.pullSecretsOn === 'pods' ? [] : (desired.pullSecrets ?? []).map(({ name }) => name)
    const wanted = [
      ...all.filter((object) => !own.has(referenceKey(referenceOf(object)))),
      ...pullAccounts(services, named),
    ]
    const logins = unwrap(await observePullSecrets(cluster, desired, namespaces, signal))
    const live = await readObjects(cluster.kubectl, referencesOf(wanted), signal)
    if (!live.ok) return live
    const findings = networkPolicies ? egressFinding(services, outside ?? [], desired.configuredAs) : []
    return ok({
      wanted,
      live: live.value,
      manager: setupManager,
      findings: [...findings, ...logins.findings],
      pullSecrets: logins.changes,
    })
  } catch (error) {
    if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
    throw error
  }
}

/** The services with their manifests as a deploy of the working tree would apply them, and their Secrets without values. */
async function manifestsOf(
  cluster: KubernetesContext,
  desired: Desired,
  signal: AbortSignal,
): Promise<ServiceManifests[]> {
  const source = unwrap(await observeSource(cluster.folder, {}, { allowDirty: true }))
  const rendered = unwrap(await renderSource(cluster.folder, desired.configuredAs, source, toRender(desired), signal))
  const known = { release: '', revision: source.revision }
  return desired.services.flatMap(({ name, spec, dependencies }): ServiceManifests[] => {
    if (!spec?.kubernetes) return []
    const prepared = prepareObjects(cluster, spec, rendered[name] ?? [], known, cluster.secrets)
    const secret = prepared.secret ? [secretObject(cluster, name, prepared.secret, {})] : []
    const objects: KubernetesObject[] = [...prepared.objects, ...secret]
    return [
      {
        service: name,
        namespace: spec.kubernetes.namespace,
        dependencies: dependencies.map(({ service }) => service),
        objects,
      },
    ]
  })
}

/** Policies deny all that nothing asks for: who calls an address outside of the cluster must be named. */
function egressFinding(
  services: readonly ServiceManifests[],
  outside: readonly string[],
  environment: string,
): Finding[] {
  const closed = services.map(({ service }) => service).filter((service) => !outside.includes(service))
  if (closed.length === 0) return []
  return [
    {
      rule: 'egress-denied',
      severity: 'warning',
      message: `pods of ${closed.join(', ')} reach their dependencies and DNS alone, and nothing outside of the cluster`,
      mend: `name who needs more in config/environments/${environment}.yaml: kubernetes: { outside: [${closed[0]}] }, or networkPolicies: false`,
    },
  ]
}

/** Without the members that are undefined. */
const definedOf = <T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
