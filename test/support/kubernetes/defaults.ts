import type { Json } from './objects.ts'

/** Puts a value where none is. */
const fill = (object: Json, defaults: Json): void => {
  for (const [name, value] of Object.entries(defaults)) if (object[name] === undefined) object[name] = value
}

/** Writes the server's defaults into an object, as a real one does for these kinds. Addresses come from `address`. */
export function withDefaults(object: Json, address: () => string): void {
  const { spec } = object
  switch (object.kind) {
    case 'Secret':
      fill(object, { type: 'Opaque' })
      if (object.stringData) {
        object.data ??= {}
        for (const [name, text] of Object.entries(object.stringData as Record<string, string>))
          object.data[name] = Buffer.from(text).toString('base64')
        delete object.stringData
      }
      return
    case 'Namespace':
      object.spec ??= { finalizers: ['kubernetes'] }
      object.status ??= { phase: 'Active' }
      object.metadata.labels = { 'kubernetes.io/metadata.name': object.metadata.name, ...object.metadata.labels }
      return
    case 'Deployment':
      fill(spec, { replicas: 1, strategy: {}, revisionHistoryLimit: 10, progressDeadlineSeconds: 600 })
      fill(spec.strategy, { type: 'RollingUpdate' })
      if (spec.strategy.type === 'RollingUpdate') {
        fill(spec.strategy, { rollingUpdate: {} })
        fill(spec.strategy.rollingUpdate, { maxUnavailable: '25%', maxSurge: '25%' })
      }
      podTemplate(spec.template)
      return
    case 'StatefulSet':
      fill(spec, { replicas: 1, podManagementPolicy: 'OrderedReady', revisionHistoryLimit: 10, updateStrategy: {} })
      fill(spec, { persistentVolumeClaimRetentionPolicy: { whenDeleted: 'Retain', whenScaled: 'Retain' } })
      fill(spec.updateStrategy, { type: 'RollingUpdate' })
      if (spec.updateStrategy.type === 'RollingUpdate') fill(spec.updateStrategy, { rollingUpdate: { partition: 0 } })
      podTemplate(spec.template)
      return
    case 'DaemonSet':
      fill(spec, { revisionHistoryLimit: 10, updateStrategy: {} })
      fill(spec.updateStrategy, { type: 'RollingUpdate' })
      if (spec.updateStrategy.type === 'RollingUpdate')
        fill(spec.updateStrategy, { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } })
      podTemplate(spec.template)
      return
    case 'Job':
      fill(spec, { parallelism: 1, completions: 1, backoffLimit: 6, completionMode: 'NonIndexed', suspend: false })
      podTemplate(spec.template)
      return
    case 'CronJob':
      fill(spec, {
        concurrencyPolicy: 'Allow',
        suspend: false,
        successfulJobsHistoryLimit: 3,
        failedJobsHistoryLimit: 1,
      })
      podTemplate(spec.jobTemplate.spec.template)
      return
    case 'Pod':
      podSpec(spec)
      fill(object, { status: { phase: 'Pending', qosClass: 'BestEffort' } })
      return
    case 'Service':
      fill(spec, { type: 'ClusterIP', sessionAffinity: 'None', internalTrafficPolicy: 'Cluster' })
      if (spec.type !== 'ExternalName') {
        if (spec.clusterIP === undefined) spec.clusterIP = address()
        fill(spec, { clusterIPs: [spec.clusterIP], ipFamilies: ['IPv4'], ipFamilyPolicy: 'SingleStack' })
      }
      for (const port of spec.ports ?? []) fill(port, { protocol: 'TCP', targetPort: port.port })
      fill(object, { status: { loadBalancer: {} } })
      return
    case 'Ingress':
      fill(object, { status: { loadBalancer: {} } })
      return
    case 'PersistentVolumeClaim':
      fill(spec, { volumeMode: 'Filesystem' })
      fill(object, { status: { phase: 'Pending' } })
      return
  }
}

function podTemplate(template: Json): void {
  template.metadata ??= {}
  podSpec(template.spec)
}

function podSpec(spec: Json): void {
  for (const container of [...(spec.containers ?? []), ...(spec.initContainers ?? [])]) {
    fill(container, {
      resources: {},
      terminationMessagePath: '/dev/termination-log',
      terminationMessagePolicy: 'File',
      imagePullPolicy:
        /:[^/]+$|@/.test(container.image ?? '') && !/:latest$/.test(container.image) ? 'IfNotPresent' : 'Always',
    })
    for (const port of container.ports ?? []) fill(port, { protocol: 'TCP' })
    for (const name of ['readinessProbe', 'livenessProbe', 'startupProbe']) {
      const probe = container[name]
      if (!probe) continue
      fill(probe, { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 })
      if (probe.httpGet) fill(probe.httpGet, { path: '/', scheme: 'HTTP' })
    }
    for (const kind of ['requests', 'limits']) {
      const amounts = container.resources[kind]
      for (const [name, amount] of Object.entries(amounts ?? {})) amounts[name] = canonical(String(amount))
    }
    // A limit without a request requests as much.
    if (container.resources.limits) {
      container.resources.requests ??= {}
      fill(container.resources.requests, container.resources.limits)
    }
  }
  for (const volume of spec.volumes ?? []) {
    if (volume.configMap) fill(volume.configMap, { defaultMode: 420 })
    if (volume.secret) fill(volume.secret, { defaultMode: 420 })
  }
  fill(spec, {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    securityContext: {},
    schedulerName: 'default-scheduler',
  })
}

/** A quantity in the server's spelling, for the common cases: `1000m` is `1`, `1024Mi` is `1Gi`. */
function canonical(text: string): string {
  const milli = /^(\d+)m$/.exec(text)
  if (milli && Number(milli[1]) % 1000 === 0) return String(Number(milli[1]) / 1000)
  const units = ['Ki', 'Mi', 'Gi', 'Ti']
  const binary = /^(\d+)(Ki|Mi|Gi)$/.exec(text)
  if (binary && Number(binary[1]) % 1024 === 0)
    return canonical(`${Number(binary[1]) / 1024}${units[units.indexOf(binary[2] as string) + 1]}`)
  const fraction = /^(\d*)\.(\d{1,3})$/.exec(text)
  return fraction ? canonical(`${Math.round(Number(text) * 1000)}m`) : text
}
