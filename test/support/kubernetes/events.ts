import type { Api } from './api.ts'
import { type ApiObject, nowText } from './objects.ts'

/** Leaves an event about an object; the same one again is counted. */
export function recordEvent(api: Api, about: ApiObject, type: string, reason: string, message: string): void {
  const { name, namespace, uid } = about.metadata
  const events = api.type('events')
  const same = api.store
    .list(events, namespace)
    .find((event) => event.involvedObject?.uid === uid && event.reason === reason && event.message === message)
  if (same) {
    const { resourceVersion: _, ...metadata } = same.metadata
    api.store.update(events, {
      ...same,
      metadata: metadata as ApiObject['metadata'],
      count: same.count + 1,
      lastTimestamp: nowText(),
    })
    return
  }
  api.store.create(events, {
    kind: 'Event',
    apiVersion: 'v1',
    metadata: { name: `${name}.${(api.store.version + 1).toString(16)}`, namespace } as ApiObject['metadata'],
    involvedObject: { kind: about.kind, namespace, name, uid, apiVersion: about.apiVersion },
    reason,
    message,
    type,
    count: 1,
    firstTimestamp: nowText(),
    lastTimestamp: nowText(),
    source: { component: 'vital-ops-test' },
  })
}
