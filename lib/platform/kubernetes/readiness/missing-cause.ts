/** Kinds that messages write in lower case, as they are written in manifests. */
const kinds: Readonly<Record<string, string>> = {
  secret: 'Secret',
  configmap: 'ConfigMap',
  serviceaccount: 'ServiceAccount',
  persistentvolumeclaim: 'PersistentVolumeClaim',
  'storageclass.storage.k8s.io': 'StorageClass',
  storageclass: 'StorageClass',
  service: 'Service',
}

/** `Secret "x" not found`, when a message of the server or the kubelet says that something is missing. */
export function missingText(message: string): string | undefined {
  const whole = message.match(/\b([a-z][a-z0-9.]*) "([^"]+)" not found/)
  const kind = whole && kinds[whole[1] as string]
  if (whole && kind) return `${kind} "${whole[2]}" not found`
  // kubelet: couldn't find key password in Secret demo/db-credentials
  const key = message.match(/couldn't find key (\S+) in (Secret|ConfigMap) (?:\S+\/)?(\S+)/)
  return key ? `${key[2]} "${key[3]}" has no key "${key[1]}"` : undefined
}
