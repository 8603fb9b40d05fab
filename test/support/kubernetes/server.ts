/**
 * A small Kubernetes API server for tests, which the real kubectl talks to. It is a test's tool: it stores objects and plays what a cluster
 * would do with them, and says so at `/version` (`vital-ops-test`).
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Api, WriteOptions } from './api.ts'
import { aggregatedDiscovery, openApiDocument, openApiIndex, resourceList, serverVersion } from './discovery.ts'
import type { Fault } from './faults.ts'
import type { ApiObject, Json, ResourceType } from './objects.ts'
import { groupVersionOf } from './objects.ts'
import { badRequest, forbidden, Refusal } from './refusals.ts'
import { answer, bodyOf, fieldTest, labelTest, objectIn, type Target, targetOf } from './requests.ts'
import { onUpgrade, type PodPlayers } from './upgrades.ts'
import { watch } from './watches.ts'

/** What asks whether a request is allowed. */
export type Access = { user: string; verb: string; group: string; resource: string; namespace?: string; name?: string }

/** What the server is made of. */
export type ServerOptions = PodPlayers & {
  api: Api
  faults: Fault[]
  allows(access: Access): boolean
  /** The lines of a pod's container. */
  logs(pod: ApiObject, container: string, previous: boolean): string[]
  /** Told of each request. */
  requests: string[]
  /** The connections that were upgraded and are open. */
  open: Set<Duplex>
}

/** Makes the server; it does not listen yet. */
export const makeServer = (options: ServerOptions): Server =>
  createServer((request, response) => {
    handle(options, request, response).catch((error: unknown) => {
      if (response.headersSent) return response.destroy()
      if (error instanceof Refusal)
        return answer(
          response,
          error.code,
          error.body,
          error.retryAfter === undefined ? {} : { 'Retry-After': String(error.retryAfter) },
        )
      answer(response, 500, { kind: 'Status', status: 'Failure', message: String((error as Error).stack), code: 500 })
    })
  }).on('upgrade', (request, socket, head) => onUpgrade(options, request, socket, head))

async function handle(options: ServerOptions, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const url = new URL(request.url ?? '/', 'http://server')
  const method = request.method ?? 'GET'
  options.requests.push(`${method} ${url.pathname}${url.search}`)
  const body = method === 'GET' ? '' : await bodyOf(request)
  const fault = options.faults.find((one) => one.times > 0 && one.matches(method, url.pathname, url.searchParams))
  if (fault) fault.times -= 1
  if (fault?.kind === 'hang') return
  if (fault?.kind === 'close') {
    request.socket.destroy()
    return
  }
  if (fault?.kind === 'refuse') throw fault.refusal
  // The work is done and nobody hears of it.
  if (fault?.kind === 'lose-answer')
    response.end = () => {
      request.socket.destroy()
      return response
    }
  if (wellKnown(options.api, url.pathname, response)) return
  // A real one reads it too; kubectl uses it for the few objects that it makes by itself.
  if (request.headers['content-type']?.includes('protobuf'))
    throw new Refusal(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
  const review = reviewOf(options, url.pathname, body, userOf(request))
  if (review) return answer(response, 201, review)
  const target = targetOf(url.pathname, options.api.types)
  if (!target) {
    response.writeHead(404, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end('404 page not found\n')
    return
  }
  await onTarget(options, { method, url, body, target, request, response, closesWatch: fault?.kind === 'close-watch' })
}

function wellKnown(api: Api, path: string, response: ServerResponse): boolean {
  if (path === '/version') answer(response, 200, { ...serverVersion, gitTreeState: 'vital-ops-test' })
  else if (path === '/api' || path === '/apis')
    answer(response, 200, aggregatedDiscovery(api.types, path === '/api'), {
      'Content-Type': 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
    })
  else if (versionOf(api, path)) answer(response, 200, resourceList(api.types, versionOf(api, path) as string))
  else if (path === '/openapi/v3') answer(response, 200, openApiIndex(api.types))
  else if (path.startsWith('/openapi/v3/'))
    answer(response, 200, openApiDocument(api.types, path.replace(/^\/openapi\/v3\/apis?\//, '')))
  else if (['/readyz', '/livez', '/healthz'].includes(path)) {
    response.writeHead(200, { 'Content-Type': 'text/plain; charset=utf-8' })
    response.end('ok')
  } else return false
  return true
}

/** The group version that a path names as a whole. */
const versionOf = (api: Api, path: string): string | undefined =>
  api.types.map(groupVersionOf).find((one) => path === (one.includes('/') ? `/apis/${one}` : `/api/${one}`))

const userOf = (request: IncomingMessage): string =>
  /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1] ?? 'system:anonymous'

function reviewOf({ allows }: ServerOptions, path: string, body: string, user: string): Json | undefined {
  if (path.endsWith('/selfsubjectreviews')) {
    const groups = ['system:authenticated']
    return {
      kind: 'SelfSubjectReview',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {},
      status: { userInfo: { username: user, groups } },
    }
  }
  if (!path.endsWith('/selfsubjectaccessreviews')) return undefined
  const review = JSON.parse(body)
  const { verb, group = '', resource = '', namespace, name } = review.spec.resourceAttributes ?? {}
  const access = { user, verb, group, resource, ...(namespace && { namespace }), ...(name && { name }) }
  return { ...review, metadata: {}, status: { allowed: allows(access) } }
}

type Call = {
  method: string
  url: URL
  body: string
  target: Target
  request: IncomingMessage
  response: ServerResponse
  closesWatch: boolean
}

const listOf = (type: ResourceType, items: ApiObject[], version: number): Json => ({
  kind: `${type.kind}List`,
  apiVersion: groupVersionOf(type),
  metadata: { resourceVersion: String(version) },
  items,
})

async function onTarget(options: ServerOptions, call: Call): Promise<void> {
  const { api } = options
  const { method, url, body, target, request, response } = call
  const { type, namespace, name, subresource } = target
  const query = url.searchParams
  const watches = query.get('watch') === '1' || query.get('watch') === 'true'
  const verb = verbOf(method, name, watches)
  const user = userOf(request)
  const access = {
    user,
    verb,
    group: type.group,
    resource: type.resource,
    ...(namespace && { namespace }),
    ...(name && { name }),
  }
  if (!options.allows(access)) throw forbidden(user, verb, type, namespace, name)
  const selects = selection(query)
  const write: WriteOptions = {
    manager: query.get('fieldManager') ?? managerOf(request),
    dryRun: query.getAll('dryRun').includes('All'),
    force: query.get('force') === 'true',
  }
  const contentType = (request.headers['content-type'] ?? 'application/json').split(';')[0] as string
  switch (verb) {
    case 'list':
      return answer(response, 200, listOf(type, api.store.list(type, namespace).filter(selects), api.store.version))
    case 'watch': {
      const named =
        name === undefined ? selects : (object: ApiObject) => object.metadata.name === name && selects(object)
      return watch(api.store, type, { namespace, selects: named, query, response, closes: call.closesWatch })
    }
    case 'get':
      if (subresource === 'log') return podLog(options, target, query, response)
      return answer(response, 200, api.store.get(type, name as string, namespace))
    case 'create': {
      const object = objectIn(body, contentType)
      if (type.namespaced && object.metadata) object.metadata.namespace ??= namespace
      return answer(response, 201, api.create(type, object, write))
    }
    case 'update': {
      const object = objectIn(body, contentType)
      if (type.namespaced) object.metadata.namespace ??= namespace
      if (subresource === 'scale') return answer(response, 200, scaled(api, target, object.spec.replicas, write))
      return answer(response, 200, api.replace(type, object, write, subresource === 'status'))
    }
    case 'patch': {
      if (
        ![
          'application/apply-patch+yaml',
          'application/merge-patch+json',
          'application/strategic-merge-patch+json',
          'application/json-patch+json',
        ].includes(contentType)
      )
        throw new Refusal(415, 'UnsupportedMediaType', '415: Unsupported Media Type', {})
      const patch = objectIn(body, contentType)
      if (subresource === 'scale') return answer(response, 200, scaled(api, target, patch.spec.replicas, write))
      const apply = contentType === 'application/apply-patch+yaml'
      const by = apply ? { ...write, manager: query.get('fieldManager') ?? '' } : write
      const { object, created } = api.patch(type, name as string, namespace, contentType, patch, by, subresource)
      return answer(response, created ? 201 : 200, object)
    }
    case 'deletecollection':
      for (const { metadata } of api.store.list(type, namespace).filter(selects))
        api.remove(type, metadata.name, namespace)
      return answer(response, 200, listOf(type, [], api.store.version))
    case 'delete': {
      const given = body === '' ? {} : objectIn(body, contentType)
      const dryRun = write.dryRun ? { dryRun: ['All'] } : {}
      const { object, gone } = api.remove(type, name as string, namespace, { ...given, ...dryRun })
      const { uid } = object.metadata
      const details = { name, ...(type.group !== '' && { group: type.group }), kind: type.resource, uid }
      return answer(
        response,
        200,
        gone ? { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', details } : object,
      )
    }
    default:
      throw new Refusal(405, 'MethodNotAllowed', 'the server does not allow this method on the requested resource', {})
  }
}

function verbOf(method: string, name: string | undefined, watches: boolean): string {
  if (method === 'GET') return watches ? 'watch' : name === undefined ? 'list' : 'get'
  if (method === 'POST') return name === undefined ? 'create' : 'none'
  if (method === 'DELETE') return name === undefined ? 'deletecollection' : 'delete'
  return { PUT: 'update', PATCH: 'patch' }[method] ?? 'none'
}

/** The default name of a manager is the program's, as its user agent says. */
const managerOf = (request: IncomingMessage): string =>
  (request.headers['user-agent'] ?? 'unknown').split('/')[0] as string

function selection(query: URLSearchParams): (object: ApiObject) => boolean {
  const byLabel = labelTest(query.get('labelSelector') ?? '')
  const byField = fieldTest(query.get('fieldSelector') ?? '')
  return (object) => byLabel(object) && byField(object)
}

function scaled(api: Api, { type, name, namespace }: Target, replicas: number, write: WriteOptions): Json {
  const before = api.store.get(type, name as string, namespace)
  const wanted = { ...before, spec: { ...before.spec, replicas } }
  const { object } = api.patch(
    type,
    name as string,
    namespace,
    'application/merge-patch+json',
    { spec: wanted.spec },
    write,
    'scale',
  )
  return {
    kind: 'Scale',
    apiVersion: 'autoscaling/v1',
    metadata: object.metadata,
    spec: { replicas },
    status: { replicas },
  }
}

function podLog(
  { api, logs }: ServerOptions,
  { type, name, namespace }: Target,
  query: URLSearchParams,
  response: ServerResponse,
): void {
  const pod = api.store.get(type, name as string, namespace)
  const names = [...(pod.spec.initContainers ?? []), ...pod.spec.containers].map(({ name }: Json) => name)
  const container = query.get('container') || (pod.spec.containers[0]?.name as string)
  if (!names.includes(container)) throw badRequest(`container ${container} is not valid for pod ${name}`)
  const all = logs(pod, container, query.get('previous') === 'true')
  const tail = query.get('tailLines')
  const lines = tail === null ? all : all.slice(-Number(tail))
  const stamped =
    query.get('timestamps') === 'true' ? lines.map((line) => `${new Date().toISOString()} ${line}`) : lines
  response.writeHead(200, { 'Content-Type': 'text/plain' })
  if (stamped.length > 0) response.write(`${stamped.join('\n')}\n`)
  // A followed log stays open until the reader goes.
  if (query.get('follow') !== 'true') response.end()
}
