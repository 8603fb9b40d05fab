import type { IncomingMessage, ServerResponse } from 'node:http'
import { parse as parseYaml } from 'yaml'
import type { ApiObject, Json, ResourceType } from './objects.ts'
import { badRequest } from './refusals.ts'

/** Where a request points: a type, and within it a namespace, an object, a subresource. */
export type Target = { type: ResourceType; namespace?: string; name?: string; subresource?: string }

/** Reads a path; undefined when it is of no type that is known. */
export function targetOf(path: string, types: ResourceType[]): Target | undefined {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decodeURIComponent)
  const [root, ...more] = parts
  if (root !== 'api' && root !== 'apis') return undefined
  const group = root === 'api' ? '' : (more.shift() as string)
  const version = more.shift()
  let namespace: string | undefined
  if (more[0] === 'namespaces' && more.length > 2 && more[2] !== 'status' && more[2] !== 'finalize') {
    namespace = more[1] as string
    more.splice(0, 2)
  }
  const [resource, name, subresource] = more
  const type = types.find((one) => one.group === group && one.version === version && one.resource === resource)
  if (!type) return undefined
  return {
    type,
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(subresource !== undefined && { subresource }),
  }
}

/** The body of a request, whole. */
export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** A body as an object; JSON, or YAML for server-side apply. */
export function objectIn(text: string, contentType: string): Json {
  try {
    return contentType.includes('yaml') && !text.startsWith('{') ? parseYaml(text) : JSON.parse(text)
  } catch (error) {
    throw badRequest(`couldn't get version/kind; json parse error: ${(error as Error).message}`)
  }
}

/** Answers with JSON. */
export function answer(
  response: ServerResponse,
  status: number,
  body: Json,
  headers: Record<string, string> = {},
): void {
  const text = JSON.stringify(body)
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers })
  response.end(text)
}

/** A label selector (`a=b,c!=d,e,!f,g in (h,i)`) as a test of objects. */
export function labelTest(selector: string): (object: ApiObject) => boolean {
  const terms = selector.match(/[^,(]+(\([^)]*\))?/g) ?? []
  const tests = terms
    .map((term) => term.trim())
    .filter((term) => term !== '')
    .map((term): ((labels: Record<string, string>) => boolean) => {
      const set = /^(\S+)\s+(in|notin)\s*\(([^)]*)\)$/.exec(term)
      if (set) {
        const values = (set[3] as string).split(',').map((value) => value.trim())
        return (labels) => values.includes(labels[set[1] as string] ?? '\u0000') === (set[2] === 'in')
      }
      if (term.includes('===')) throw badRequest(`unable to parse requirement: found '=', expected: identifier`)
      const equal = /^([^=!]+)(==|=|!=)(.*)$/.exec(term)
      if (equal) {
        const [, key = '', operator, value = ''] = equal
        return (labels) => (labels[key.trim()] === value.trim()) === (operator !== '!=')
      }
      return term.startsWith('!')
        ? (labels) => labels[term.slice(1)] === undefined
        : (labels) => labels[term] !== undefined
    })
  return ({ metadata }) => tests.every((passes) => passes(metadata.labels ?? {}))
}

/** A field selector as a test of objects: name, namespace, what an event is about, a pod's phase. */
export function fieldTest(selector: string): (object: ApiObject) => boolean {
  const terms = selector.split(',').filter((term) => term !== '')
  const tests = terms.map((term) => {
    const [, field = '', operator = '=', value = ''] = /^([^=!]+)(==|=|!=)(.*)$/.exec(term) ?? []
    const known = /^(metadata\.(name|namespace)|involvedObject\.\w+|status\.phase|spec\.nodeName|type|reason)$/.test(
      field,
    )
    if (!known) throw badRequest(`field label not supported: ${field}`)
    return (object: ApiObject) => {
      const found = field.split('.').reduce((node: Json, part) => node?.[part], object) ?? ''
      return (String(found) === value) === (operator !== '!=')
    }
  })
  return (object) => tests.every((passes) => passes(object))
}
