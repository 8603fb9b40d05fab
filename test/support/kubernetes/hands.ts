import { createHash } from 'node:crypto'
import type { Api } from './api.ts'
import { recordEvent } from './events.ts'
import { type ApiObject, type Json, nowText } from './objects.ts'
import { Refusal } from './refusals.ts'

/** Who the controllers are, for the server. */
export const controller = { manager: 'kube-controller-manager', dryRun: false }
/** A short name of a value. */
export const hashOf = (value: Json): string =>
  createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 10)

/** What controllers do with objects, whatever they are of. */
export class Hands {
  readonly api: Api
  /** Why the last pod of an owner could not be made, by its uid. */
  readonly failures = new Map<string, string>()
  /** When a Deployment last came on, by its uid. */
  readonly deadlines = new Map<string, number>()
  /** How much faster than the real deadline progress deadlines pass here. */
  readonly faster: number

  constructor(api: Api, faster: number) {
    this.api = api
    this.faster = faster
  }

  owned(resource: string, owner: ApiObject): ApiObject[] {
    return this.api.store
      .list(this.api.type(resource), owner.metadata.namespace)
      .filter(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === owner.metadata.uid))
  }

  status(resource: string, object: ApiObject, status: Json) {
    const { resourceVersion: _, ...metadata } = object.metadata
    this.api.store.update(
      this.api.type(resource),
      { ...object, metadata: metadata as ApiObject['metadata'], status },
      { status: true },
    )
  }

  conditions(before: ApiObject, wanted: { type: string; status: string; reason?: string; message?: string }[]): Json[] {
    const old: Json[] = before.status?.conditions ?? []
    return wanted.map((one) => {
      const same = old.find((condition) => condition.type === one.type)
      const kept = same && same.status === one.status && same.reason === one.reason && same.message === one.message
      if (kept) return same
      const lastTransitionTime = same?.status === one.status ? same.lastTransitionTime : nowText()
      return { ...one, lastUpdateTime: nowText(), lastTransitionTime }
    })
  }

  ownerOf = ({ apiVersion, kind, metadata: { name, uid } }: ApiObject) => [
    { apiVersion, kind, name, uid, controller: true, blockOwnerDeletion: true },
  ]

  makePod(
    owner: ApiObject,
    template: Json,
    name: { name: string } | { generateName: string },
    labels: Json = {},
  ): void {
    const metadata = {
      ...name,
      namespace: owner.metadata.namespace,
      labels: { ...template.metadata?.labels, ...labels },
      annotations: template.metadata?.annotations,
      ownerReferences: this.ownerOf(owner),
    }
    try {
      const pod = this.api.create(
        this.api.type('pods'),
        { apiVersion: 'v1', kind: 'Pod', metadata, spec: template.spec },
        controller,
      )
      this.failures.delete(owner.metadata.uid)
      recordEvent(this.api, owner, 'Normal', 'SuccessfulCreate', `Created pod: ${pod.metadata.name}`)
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      this.failures.set(owner.metadata.uid, error.message)
      recordEvent(this.api, owner, 'Warning', 'FailedCreate', `Error creating: ${error.message}`)
    }
  }

  removePod({ metadata }: ApiObject): void {
    if (this.api.store.find(this.api.type('pods'), metadata.name, metadata.namespace))
      this.api.remove(this.api.type('pods'), metadata.name, metadata.namespace)
  }
}

/** Whether a pod is ready and stays. */
export const isReady = ({ status, metadata }: ApiObject): boolean =>
  metadata.deletionTimestamp === undefined &&
  status?.conditions?.some(({ type, status }: Json) => type === 'Ready' && status === 'True') === true
