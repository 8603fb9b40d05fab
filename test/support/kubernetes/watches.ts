import type { ServerResponse } from 'node:http'
import { type ApiObject, groupVersionOf, type Json, type ResourceType } from './objects.ts'
import type { Change, Store } from './store.ts'

type WatchOptions = {
  namespace: string | undefined
  selects(object: ApiObject): boolean
  query: URLSearchParams
  response: ServerResponse
  /** Ends the stream after its first event, as a server that is restarted does. */
  closes: boolean
}

/** Streams the changes of a type's objects as lines of JSON, until the reader goes or its time is over. */
export function watch(
  store: Store,
  type: ResourceType,
  { namespace, selects, query, response, closes }: WatchOptions,
): void {
  response.writeHead(200, { 'Content-Type': 'application/json' })
  response.flushHeaders()
  const send = (event: string, object: Json) => response.write(`${JSON.stringify({ type: event, object })}\n`)
  const concerns = (object: ApiObject) =>
    (namespace === undefined || object.metadata.namespace === namespace) && selects(object)
  const tell = ({ type: event, resource, object, before }: Change) => {
    if (resource.resource !== type.resource || resource.group !== type.group) return
    const now = concerns(object)
    const was = before !== undefined && concerns(before)
    if (event === 'MODIFIED' && was && !now) send('DELETED', object)
    else if (event === 'MODIFIED' && now && !was && before !== undefined) send('ADDED', object)
    else if (now) send(event, object)
    else return
    if (closes) response.end()
  }
  const since = query.get('resourceVersion') ?? ''
  if (since === '' || since === '0') {
    for (const object of store.list(type, namespace)) if (concerns(object)) send('ADDED', object)
    if (query.get('sendInitialEvents') === 'true')
      send('BOOKMARK', {
        kind: type.kind,
        apiVersion: groupVersionOf(type),
        metadata: { resourceVersion: String(store.version), annotations: { 'k8s.io/initial-events-end': 'true' } },
      })
  } else if (Number(since) < 1000) {
    const message = `too old resource version: ${since} (${store.version})`
    send('ERROR', {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      reason: 'Expired',
      code: 410,
    })
    response.end()
    return
  } else for (const change of store.history) if (change.version > Number(since)) tell(change)
  const unsubscribe = store.subscribe(tell)
  const seconds = query.get('timeoutSeconds')
  const timer = seconds === null ? undefined : setTimeout(() => response.end(), Number(seconds) * 1000)
  response.once('close', () => {
    clearTimeout(timer)
    unsubscribe()
  })
}
