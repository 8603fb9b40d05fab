import type { Desired } from '../../model/desired.ts'
import type { Finding } from '../../model/finding.ts'
import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import type { OpKindName, OpOf } from '../../model/op.ts'
import type { Plan } from '../../model/plan.ts'
import { applyArguments, listOf } from './apply.ts'
import type { KubernetesContext } from './context.ts'
import { preparedFor } from './ops/start-service.ts'
import { prepareObjects } from './prepare.ts'
import { isClusterKind } from './shape.ts'
import { renderSource } from './source.ts'

/** Kinds of ops that this platform, or every one, has a handler for. */
const driven: ReadonlySet<OpKindName> = new Set<OpKindName>([
  'export-source',
  'start-service',
  'stop-service',
  'wait-gate',
  'prune-releases',
  'run-hook',
  'write-env',
  'send-notification',
])

/** Read-only checks of a plan before it runs: everything that the server can say beforehand, all at once. */
export async function preflightKubernetes(
  cluster: KubernetesContext,
  plan: Plan,
  desired: Desired | undefined,
  signal: AbortSignal,
): Promise<Finding[]> {
  const unknown = notDriven(plan)
  if (unknown.length > 0) return unknown
  const objects = await plannedObjects(cluster, plan, desired, signal)
  const checks = await Promise.all([terminating(cluster, objects.all, signal), dryRun(cluster, objects.all, signal)])
  return [...objects.findings, ...checks.flat()]
}

function notDriven({ ops }: Plan): Finding[] {
  const kinds = new Set(ops.filter(({ kind }) => !driven.has(kind)).map(({ kind }) => kind))
  return [...kinds].map((kind) => ({
    rule: 'not-driven-on-kubernetes',
    severity: 'error',
    message: `this version does not ${kind.replaceAll('-', ' ')} on kubernetes`,
    mend: 'leave `database` out of the environment and migrate by a Job of the manifests, or rehearse: --platform local',
  }))
}

/** The objects that a plan's ops will apply, and what keeps some of them from being made. */
async function plannedObjects(
  cluster: KubernetesContext,
  plan: Plan,
  desired: Desired | undefined,
  signal: AbortSignal,
): Promise<{ all: KubernetesObject[]; findings: Finding[] }> {
  const starts = plan.ops.filter((op): op is OpOf<'start-service'> => op.kind === 'start-service')
  const exported = plan.ops.find((op): op is OpOf<'export-source'> => op.kind === 'export-source')
  const findings: Finding[] = []
  const all: KubernetesObject[] = []
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
    const { service, spec } = op.data
    const fresh =
      exported !== undefined && spec.source.kind === 'release' && spec.source.release === exported.data.release
    const known = { release: String(exported?.data.release ?? ''), revision: exported?.data.revision ?? '' }
    const prepared =
      fresh && rendered?.ok
        ? {
            ok: true as const,
            value: prepareObjects(cluster, spec, rendered.value[service] ?? [], known, cluster.secrets),
          }
        : await preparedFor(cluster, op, cluster)
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
    all.push(...prepared.value.objects)
    const { secret } = prepared.value
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
  return { all, findings }
}

type Namespace = KubernetesObject & { status?: { phase?: string } }

async function namespaces(
  cluster: KubernetesContext,
  signal: AbortSignal,
): Promise<Map<string, Namespace> | undefined> {
  const list = await cluster.kubectl.json<{ items: Namespace[] }>(['get', 'namespaces'], { signal })
  return list.ok ? new Map(list.value?.items.map((one) => [one.metadata.name, one])) : undefined
}

async function terminating(
  cluster: KubernetesContext,
  objects: KubernetesObject[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const there = await namespaces(cluster, signal)
  const wanted = new Set([cluster.home, ...objects.flatMap(({ metadata }) => metadata.namespace ?? [])])
  return [...wanted]
    .filter((name) => there?.get(name)?.metadata.deletionTimestamp)
    .map((name) => ({
      rule: 'namespace-terminating',
      severity: 'error' as const,
      message: `the namespace ${name} is being deleted: nothing can be made in it`,
      mend: `kubectl get namespace ${name} -o yaml   # its conditions name what holds it up`,
    }))
}

/** What the server would say to the apply. Objects whose namespace or kind this plan makes itself are checked at the apply. */
async function dryRun(
  cluster: KubernetesContext,
  objects: KubernetesObject[],
  signal: AbortSignal,
): Promise<Finding[]> {
  const there = await namespaces(cluster, signal)
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
  const result = await cluster.kubectl.run([...applyArguments, '--dry-run=server', '-o', 'name'], {
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
