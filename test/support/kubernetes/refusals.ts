import { type Json, qualifiedName, type ResourceType } from './objects.ts'

/** What the API server answers when it refuses: the HTTP status and a Status object. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
  readonly body: Json
  readonly code: number
  /** Seconds, for Retry-After. */
  readonly retryAfter: number | undefined

  constructor(code: number, reason: string | undefined, message: string, details?: Json, retryAfter?: number) {
    super(message)
    this.code = code
    this.retryAfter = retryAfter
    this.body = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message,
      ...(reason !== undefined && { reason }),
      ...(details !== undefined && { details }),
      code,
    }
  }
}

const named = (type: ResourceType, name: string) => ({
  name,
  ...(type.group !== '' && { group: type.group }),
  kind: type.resource,
})

/** 404: there is no such object. */
export const notFound = (type: ResourceType, name: string): Refusal =>
  new Refusal(404, 'NotFound', `${qualifiedName(type)} "${name}" not found`, named(type, name))

/** 409: the object is there. */
export const alreadyExists = (type: ResourceType, name: string): Refusal =>
  new Refusal(409, 'AlreadyExists', `${qualifiedName(type)} "${name}" already exists`, named(type, name))

/** 409: the resource version is not the present one. */
export const modified = (type: ResourceType, name: string): Refusal =>
  new Refusal(
    409,
    'Conflict',
    `Operation cannot be fulfilled on ${qualifiedName(type)} "${name}": the object has been modified; please apply your changes to the latest version and try again`,
    named(type, name),
  )

/** 422: a field may not be as it is. */
export const invalid = (type: ResourceType, name: string, field: string, why: string): Refusal =>
  new Refusal(422, 'Invalid', `${qualifiedKind(type)} "${name}" is invalid: ${field}: ${why}`, {
    name,
    ...(type.group !== '' && { group: type.group }),
    kind: type.kind,
    causes: [{ reason: why.startsWith('Required') ? 'FieldValueRequired' : 'FieldValueInvalid', message: why, field }],
  })

const qualifiedKind = ({ group, kind }: ResourceType): string => (group === '' ? kind : `${kind}.${group}`)

/** 403 of admission: quota, a namespace that is being terminated. */
export const denied = (type: ResourceType, name: string, why: string, causes?: Json[]): Refusal =>
  new Refusal(403, 'Forbidden', `${qualifiedName(type)} "${name}" is forbidden: ${why}`, {
    ...named(type, name),
    ...(causes && { causes }),
  })

/** 403 of authorization. */
export function forbidden(user: string, verb: string, type: ResourceType, namespace?: string, name?: string): Refusal {
  const scope = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`
  const subject = name === undefined ? qualifiedName(type) : `${qualifiedName(type)} "${name}"`
  return new Refusal(
    403,
    'Forbidden',
    `${subject} is forbidden: User "${user}" cannot ${verb} resource "${type.resource}" in API group "${type.group}" ${scope}`,
    { ...(name !== undefined && { name }), ...(type.group !== '' && { group: type.group }), kind: type.resource },
  )
}

/** 400 with a sentence. */
export const badRequest = (message: string): Refusal => new Refusal(400, 'BadRequest', message)
