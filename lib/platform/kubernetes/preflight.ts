import type { Desired } from '../../model/desired.ts'
import type { Finding } from '../../model/finding.ts'
import { type KubernetesObject, referenceKey, referenceOf } from '../../model/kubernetes-object.ts'
import type { OpKindName, OpOf } from '../../model/op.ts'
import type { Plan } from '../../model/plan.ts'
import type { Handlers } from '../../model/platform.ts'
import { preflightManifests, type ServerFacts } from '../../plan/kubernetes/preflight/index.ts'
import type { Access } from '../../plan/kubernetes/setup/index.ts'
import { dockerEngine } from '../docker/engine.ts'
import { findingOf } from '../preflight-findings.ts'
import { accessFindings, deployAccess } from './access.ts'
import { applyArgumentsOf, listOf, readObjects, referencesOf } from './apply.ts'
import { byReference, changeFindings } from './changes.ts'
import { setupManager } from './cluster-setup.ts'
import type { KubernetesContext } from './context.ts'
import { isEnvironment } from './environment-objects.ts'
import { readFacts } from './facts.ts'
import { imagesIn } from './images.ts'
import { readInventories } from './inventory.ts'
import { fieldManager } from './names.ts'
import { prepareObjects, secretObject } from './prepare.ts'
import type { Ways } from './reach.ts'
import { imageFindings } from './registry.ts'
import { preparedFor } from './service-objects.ts'
import { isClusterKind, keptKinds } from './shape.ts'
import { renderSource } from './source.ts'

/** Kinds of ops whose handlers whoever runs tasks and writes configuration brings. */
const injected: ReadonlySet<OpKindName> = new Set<OpKindName>(['run-hook', 'write-env', 'sync-data'])

/** Read-only checks of a plan before it runs: everything that the server can say beforehand, all at once. */
export async function preflightKubernetes(
  cluster: KubernetesContext,
  ways: Ways,
  handlers: Handlers,
  plan: Plan,
  desired: Desired | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  const unknown = notDriven(plan, handlers)
  if (unknown.length > 0) return unknown
  const setup = plan.ops.flatMap((op) => (op.kind === 'apply-object' ? [op.data.object] : []))
  if (setup.length > 0)
    return dryRun(cluster, setup, await readFacts(cluster.kubectl, setup, signal), signal, setupManager)
  const { planned, findings } = await plannedObjects(cluster, plan, desired, signal)
  const objects = planned.map(({ object }) => object)
  const defined = new Set(objects.filter(({ kind }) => kind === 'CustomResourceDefinition').map(definedKind))
  const [facts, live, removed] = await Promise.all([
    readFacts(cluster.kubectl, objects, signal),
    readObjects(cluster.kubectl, referencesOf(objects.filter(({ kind }) => !defined.has(kind))), signal),
    removedObjects(cluster, plan, objects),
  ])
  const there = byReference(live.ok ? live.value : [])
  const made = newNamespaces(objects, facts)
  const applied = planned.filter(({ placeholder }) => !placeholder).map(({ object }) => object)
  const [images, refused, access] = await Promise.all([
    imageFindings(dockerEngine({}), plan, imagesIn(objects), signal),
    dryRun(cluster, applied, facts, signal),
    accessFindings(cluster.kubectl, accessOf(cluster, { applied: objects, removed }, made, facts, plan), signal),
  ])
  const input = [...planned, ...made].map((one) => {
    const before = there.get(referenceKey(referenceOf(one.object)))
    return before ? { ...one, live: before } : one
  })
  return [
    ...findings,
    ...(await tunnelFindings(ways, plan, desired)),
    ...access,
    ...images,
    ...preflightManifests({ planned: input, facts }),
    ...refused,
    ...changeFindings(planned, there),
  ]
}

/** Why the database of a plan that cannot go on without it is not reached, in kubectl's words. */
async function tunnelFindings(ways: Ways, plan: Plan, desired: Desired | undefined): Promise<Finding[]> {
  const { database } = desired ?? {}
  if (!database || !plan.findings.some(({ rule }) => rule === 'database-not-ready')) return []
  const admin = await ways.administrator(database.service)
  return admin.ok ? [] : admin.failures.map((failure) => findingOf(failure))
}

/** What was applied before, and goes with this plan. */
async function removedObjects(
  cluster: KubernetesContext,
  { ops }: Plan,
  planned: readonly KubernetesObject[],
): Promise<KubernetesObject[]> {
  const inventories = await readInventories(cluster)
  const wanted = new Set(planned.map((object) => referenceKey(referenceOf(object))))
  return ops.flatMap((op) => {
    if (op.kind !== 'start-service' && op.kind !== 'stop-service') return []
    const { service } = op.data
    return (inventories.get(service)?.applied ?? []).filter(
      (object) =>
        !keptKinds.has(object.kind) &&
        !isEnvironment(service, object.kind, object.metadata.name) &&
        !wanted.has(referenceKey(referenceOf(object))),
    )
  })
}

/** What the plan's ops do on the cluster. */
function accessOf(
  cluster: KubernetesContext,
  changed: { applied: readonly KubernetesObject[]; removed: readonly KubernetesObject[] },
  made: readonly { object: KubernetesObject }[],
  { served }: ServerFacts,
  { ops }: Plan,
): Access[] {
  if (changed.applied.length + changed.removed.length === 0) return []
  const namespaces = [...new Set(changed.applied.flatMap(({ metadata }) => metadata.namespace ?? []))]
  const connects = ops.some(({ kind }) => kind === 'ensure-database' || kind === 'apply-migrations')
  const needed = deployAccess({ ...changed, releases: cluster.home, namespaces, connects, served })
  // A namespace that the plan makes by itself is created and never changed.
  return made.length === 0 ? needed : [...needed, { verb: 'create', group: '', resource: 'namespaces' }]
}

/** Namespaces that the plan makes by itself, as objects of the plan. */
function newNamespaces(
  objects: readonly KubernetesObject[],
  { objects: there, known }: ServerFacts,
): { object: KubernetesObject }[] {
  if (!known.has('Namespace')) return []
  const names = new Set(there.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name))
  const wanted = [...new Set(objects.flatMap(({ metadata }) => metadata.namespace ?? []))].filter(
    (name) => !names.has(name),
  )
  return wanted.map((name) => ({ object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name } } }))
}

function notDriven({ ops }: Plan, handlers: Handlers): Finding[] {
  const kinds = new Set(ops.filter(({ kind }) => !handlers[kind] && !injected.has(kind)).map(({ kind }) => kind))
  return [...kinds].map((kind) => ({
    rule: 'not-driven-on-kubernetes',
    severity: 'error',
    message: `this version does not ${kind.replaceAll('-', ' ')} on kubernetes`,
    mend: 'rehearse it on this machine: --platform local',
  }))
}

/** An object of the plan; `placeholder`: a Secret whose values are not here. */
type Planned = { object: KubernetesObject; service: string; placeholder?: true }

/** The objects that a plan's ops will apply, and what keeps some of them from being made. */
async function plannedObjects(
  cluster: KubernetesContext,
  plan: Plan,
  desired: Desired | undefined,
  signal: AbortSignal,
): Promise<{ planned: Planned[]; findings: Finding[] }> {
  const starts = plan.ops.filter((op): op is OpOf<'start-service'> => op.kind === 'start-service')
  const exported = plan.ops.find((op): op is OpOf<'export-source'> => op.kind === 'export-source')
  const findings: Finding[] = []
  const planned: Planned[] = []
  const services = starts.flatMap(({ data }) =>
    data.spec.kubernetes ? [{ service: data.service, manifests: data.spec.kubernetes }] : [],
  )
  const environment = cluster.environment.split('@')[0] as string
  const asDesired = desired?.services.flatMap(({ name, spec }) =>
    spec?.kubernetes ? [{ service: name, manifests: spec.kubernetes }] : [],
  )
  const rendered = exported
    ? await renderSource(cluster.folder, environment, exported.data, asDesired ?? services, signal)
    : undefined
  for (const op of starts) {
    const { service, spec, lane } = op.data
    const fresh =
      exported !== undefined && spec.source.kind === 'release' && spec.source.release === exported.data.release
    const known = { release: String(exported?.data.release ?? ''), revision: exported?.data.revision ?? '' }
    const prepared =
      fresh && rendered?.ok
        ? {
            ok: true as const,
            value: prepareObjects(cluster, spec, rendered.value[service] ?? [], known, cluster.secrets, lane?.colour),
          }
        : await preparedFor(cluster, spec, lane?.colour, cluster)
    if (!prepared.ok) {
      findings.push(
        ...prepared.failures.map((failure) => ({
          rule: failure.code,
          severity: 'error' as const,
          message: failure.message,
          service,
        })),
      )
      continue
    }
    planned.push(...prepared.value.objects.map((object) => ({ object, service })))
    const { secret } = prepared.value
    if (secret) planned.push({ object: secretObject(cluster, service, secret, {}), service, placeholder: true })
    const there =
      secret &&
      (await cluster.kubectl.json(['get', 'secret', secret.name, '-n', secret.namespace, '--ignore-not-found'], {
        signal,
      }))
    const values = secret && !(there?.ok && there.value) ? secret.values() : undefined
    if (values && !values.ok) {
      findings.push(
        ...values.failures.map(({ code, message, next }) => ({
          rule: code,
          severity: 'error' as const,
          message,
          service,
          ...(next?.[0] !== undefined && { mend: next[0] }),
        })),
      )
    }
  }
  return { planned, findings }
}

/** What the server would say to the apply. Objects whose namespace or kind this plan makes itself are checked at the apply. */
async function dryRun(
  cluster: KubernetesContext,
  objects: KubernetesObject[],
  facts: ServerFacts,
  signal: AbortSignal,
  manager = fieldManager,
): Promise<Finding[]> {
  const there = facts.known.has('Namespace')
    ? new Set(facts.objects.filter(({ kind }) => kind === 'Namespace').map(({ metadata }) => metadata.name))
    : undefined
  const defined = new Set(
    objects.filter(({ kind }) => kind === 'CustomResourceDefinition').map((one) => definedKind(one)),
  )
  const possible = objects.filter(
    ({ kind, metadata }) =>
      !defined.has(kind) &&
      (isClusterKind(kind) || metadata.namespace === undefined || there === undefined || there.has(metadata.namespace)),
  )
  const later = objects.length - possible.length
  const findings: Finding[] =
    later === 0
      ? []
      : [
          {
            rule: 'checked-at-apply',
            severity: 'note',
            message: `${later} objects are checked when they are applied: their namespace or kind is made by this plan`,
          },
        ]
  if (possible.length === 0) return findings
  const result = await cluster.kubectl.run([...applyArgumentsOf(manager), '--dry-run=server', '-o', 'name'], {
    input: listOf(possible),
    timeoutMs: 60_000,
    signal,
  })
  if (!result.ok)
    return [
      ...findings,
      ...result.failures.map(({ code, message }) => ({ rule: code, severity: 'error' as const, message })),
    ]
  if (result.value.status === 0) return findings
  return [...findings, ...refusals(result.value.stderr)]
}

const definedKind = ({ spec }: KubernetesObject): string =>
  (spec as { names?: { kind?: string } } | undefined)?.names?.kind ?? ''

/** kubectl names each object that was refused; the advice that follows a conflict is not repeated. */
function refusals(stderr: string): Finding[] {
  const messages: string[] = []
  for (const line of stderr.split('\n')) {
    if (/^(error|Error)/.test(line)) messages.push(line.replace(/^(error: |Error from server( \(\w+\))?: )/i, ''))
    else if (/^(- \.|conflicts? with )/.test(line) && messages.length > 0) messages.push(`${messages.pop()} ${line}`)
  }
  return (messages.length > 0 ? messages : [stderr.trim()]).map((message) => ({
    rule: message.startsWith('Apply failed with') ? 'field-conflict' : 'refused-by-server',
    severity: 'error',
    message,
    ...(message.startsWith('Apply failed with') && {
      mend: 'take those fields out of the manifests, or let the other tool give them up',
    }),
  }))
}
