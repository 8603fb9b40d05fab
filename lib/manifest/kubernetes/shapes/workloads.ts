import type { Fields } from '../../fields.ts'
import { exact, filled, keyed, object, quantities, type Shape, set } from '../shape.ts'
import { labelSelector, podTemplate } from './pod.ts'

const claimSpec = object({
  accessModes: set(),
  resources: object({ requests: quantities, limits: quantities }),
  selector: labelSelector,
  volumeMode: filled('Filesystem'),
})

const job = object({
  backoffLimit: filled(6),
  completions: filled(1),
  parallelism: filled(1),
  completionMode: filled('NonIndexed'),
  suspend: filled(false),
  podReplacementPolicy: filled('TerminatingOrFailed'),
  manualSelector: filled(false),
  ttlSecondsAfterFinished: exact,
  template: podTemplate,
})

const ifRolling = (value: unknown) => (around: Fields) =>
  around.type === undefined || around.type === 'RollingUpdate' ? value : undefined

/** Workloads, with what API servers fill in. */
export const workloadShapes = {
  'apps/Deployment': object({
    spec: object({
      replicas: filled(1),
      revisionHistoryLimit: filled(10),
      progressDeadlineSeconds: filled(600),
      selector: labelSelector,
      strategy: filled(
        { type: 'RollingUpdate', rollingUpdate: { maxSurge: '25%', maxUnavailable: '25%' } },
        {
          fields: {
            type: filled('RollingUpdate'),
            rollingUpdate: filled(ifRolling({ maxSurge: '25%', maxUnavailable: '25%' }), {
              fields: { maxSurge: filled('25%'), maxUnavailable: filled('25%') },
            }),
          },
        },
      ),
      template: podTemplate,
    }),
  }),
  'apps/ReplicaSet': object({ spec: object({ replicas: filled(1), selector: labelSelector, template: podTemplate }) }),
  'apps/StatefulSet': object({
    spec: object({
      replicas: filled(1),
      revisionHistoryLimit: filled(10),
      podManagementPolicy: filled('OrderedReady'),
      selector: labelSelector,
      updateStrategy: filled(
        { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
        {
          fields: {
            type: filled('RollingUpdate'),
            rollingUpdate: filled(ifRolling({ partition: 0 }), { fields: { partition: filled(0) } }),
          },
        },
      ),
      persistentVolumeClaimRetentionPolicy: filled(
        { whenDeleted: 'Retain', whenScaled: 'Retain' },
        {
          fields: { whenDeleted: filled('Retain'), whenScaled: filled('Retain') },
        },
      ),
      template: podTemplate,
      volumeClaimTemplates: {
        list: 'set',
        each: object({ apiVersion: filled('v1'), kind: filled('PersistentVolumeClaim'), spec: claimSpec }),
      },
    }),
  }),
  'apps/DaemonSet': object({
    spec: object({
      revisionHistoryLimit: filled(10),
      selector: labelSelector,
      updateStrategy: filled(
        { type: 'RollingUpdate', rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } },
        {
          fields: {
            type: filled('RollingUpdate'),
            rollingUpdate: filled(ifRolling({ maxSurge: 0, maxUnavailable: 1 }), {
              fields: { maxSurge: filled(0), maxUnavailable: filled(1) },
            }),
          },
        },
      ),
      template: podTemplate,
    }),
  }),
  'batch/Job': object({ spec: job }),
  'batch/CronJob': object({
    spec: object({
      concurrencyPolicy: filled('Allow'),
      startingDeadlineSeconds: exact,
      suspend: filled(false),
      successfulJobsHistoryLimit: filled(3),
      failedJobsHistoryLimit: filled(1),
      jobTemplate: object({ spec: job }),
    }),
  }),
  '/Pod': podTemplate,
  '/PersistentVolumeClaim': object({ spec: claimSpec }),
  '/PersistentVolume': object({
    spec: object({
      accessModes: set(),
      capacity: quantities,
      volumeMode: filled('Filesystem'),
      persistentVolumeReclaimPolicy: filled('Retain'),
    }),
  }),
  'autoscaling/HorizontalPodAutoscaler': object({
    spec: object({
      minReplicas: filled(1),
      metrics: set(
        object(
          Object.fromEntries(
            ['resource', 'containerResource', 'pods', 'object', 'external'].map((kind) => [
              kind,
              object({ target: object({ averageValue: { quantity: true }, value: { quantity: true } }) }),
            ]),
          ),
        ),
      ),
    }),
  }),
  'policy/PodDisruptionBudget': object({
    spec: object({ selector: labelSelector, minAvailable: exact, maxUnavailable: exact }),
  }),
} as const satisfies Record<string, Shape>

const servicePort: Shape = object({
  protocol: filled('TCP'),
  targetPort: filled((port: Fields) => port.port),
})
/** Ports of a Service. */
export const servicePorts: Shape = keyed(['port', 'protocol'], servicePort)
