import type { Api } from './api.ts'
import { recordEvent } from './events.ts'
import type { ApiObject, Json } from './objects.ts'

/** What the pod refers to and is not there. */
export function missingOf(api: Api, pod: ApiObject): { reason: string; message?: string } | undefined {
  const { namespace } = pod.metadata
  const absent = (resource: string, name: string | undefined, optional: boolean | undefined) =>
    name !== undefined && !optional && !api.store.find(api.type(resource), name, namespace)
  for (const container of pod.spec.containers) {
    const refers = [
      ...(container.envFrom ?? []).flatMap((from: Json) => [
        from.secretRef && ['secrets', from.secretRef],
        from.configMapRef && ['configmaps', from.configMapRef],
      ]),
      ...(container.env ?? []).flatMap(({ valueFrom }: Json) => [
        valueFrom?.secretKeyRef && ['secrets', valueFrom.secretKeyRef],
        valueFrom?.configMapKeyRef && ['configmaps', valueFrom.configMapKeyRef],
      ]),
    ].filter((one) => one !== undefined)
    for (const [resource, { name, optional }] of refers)
      if (absent(resource, name, optional))
        return {
          reason: 'CreateContainerConfigError',
          message: `${resource.slice(0, -1).replace('configmap', 'configmap')} "${name}" not found`,
        }
  }
  for (const { configMap, secret, persistentVolumeClaim, name } of pod.spec.volumes ?? []) {
    if (
      absent('configmaps', configMap?.name, configMap?.optional) ||
      absent('secrets', secret?.secretName, secret?.optional)
    ) {
      const what = configMap ? `configmap "${configMap.name}"` : `secret "${secret.secretName}"`
      recordEvent(
        api,
        pod,
        'Warning',
        'FailedMount',
        `MountVolume.SetUp failed for volume "${name}" : ${what} not found`,
      )
      return { reason: 'ContainerCreating' }
    }
    if (absent('persistentvolumeclaims', persistentVolumeClaim?.claimName, false))
      return { reason: 'ContainerCreating' }
  }
  return undefined
}
