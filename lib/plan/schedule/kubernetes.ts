import { stringify } from 'yaml'

/** What a cluster has to know to take backups by itself. */
export type ScheduledPod = {
  /** Names the objects: lower-case letters, digits, dashes, at most 52 characters (a CronJob adds 11 to the names of its jobs). */
  name: string
  namespace: string
  description: string
  /** The five fields, in UTC. */
  schedule: string
  /** An image with Node, this workspace, and the tools that its backups need. */
  image: string
  /** The workspace's folder in the image. */
  folder: string
  /** What is run in that folder. */
  argv: readonly [string, ...string[]]
  /** A Secret of the namespace whose values become the environment: the same names as in the environment's `.env` file. */
  secret: string
  /** Where in the pod the backups' volume is, and how large a claim for it is; without one they go elsewhere (S3, SFTP). */
  volume?: { path: string; size: string }
  /** Name of that claim; several jobs have the same volume. */
  claim: string
  labels: Record<string, string>
}

/**
 * A CronJob with a claim for the volume that the backups go to, each as YAML. One backup runs at a
 * time, with no privileges, and the pod is not started again when it failed: the next one is.
 *
 * @see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/
 */
export function backupCronJob(pod: ScheduledPod): { job: string; claim?: string } {
  const { name, namespace, labels, volume } = pod
  const metadata = { name, namespace, labels }
  const claim = volume && {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { ...metadata, name: pod.claim },
    spec: { accessModes: ['ReadWriteOnce'], resources: { requests: { storage: volume.size } } },
  }
  const container = {
    name: 'backup',
    image: pod.image,
    command: [...pod.argv],
    workingDir: pod.folder,
    envFrom: [{ secretRef: { name: pod.secret } }],
    resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '512Mi' } },
    securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
    ...(volume && { volumeMounts: [{ name: 'backups', mountPath: volume.path }] }),
  }
  const podSpec = {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' }, fsGroup: 1000 },
    containers: [container],
    ...(volume && { volumes: [{ name: 'backups', persistentVolumeClaim: { claimName: pod.claim } }] }),
  }
  const job = {
    apiVersion: 'batch/v1',
    kind: 'CronJob',
    metadata: { ...metadata, annotations: { 'kubernetes.io/description': pod.description } },
    spec: {
      schedule: pod.schedule,
      timeZone: 'Etc/UTC',
      concurrencyPolicy: 'Forbid',
      // Beyond a hundred missed starts a CronJob without this deadline stops for good.
      startingDeadlineSeconds: 3600,
      successfulJobsHistoryLimit: 3,
      failedJobsHistoryLimit: 3,
      jobTemplate: {
        spec: { backoffLimit: 0, template: { metadata: { labels }, spec: podSpec } },
      },
    },
  }
  return { job: stringify(job), ...(claim && { claim: stringify(claim) }) }
}
