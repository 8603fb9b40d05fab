import type { Api } from './api.ts'
import { runDeployment, runReplicaSet } from './deployments.ts'
import { Hands } from './hands.ts'
import { runJob } from './jobs.ts'
import type { ApiObject } from './objects.ts'
import { runDaemonSet, runStatefulSet } from './ordered-sets.ts'
import { balance, bindClaim, establish, populate } from './other-objects.ts'

/** What a cluster's controllers do with workloads, one round at a time. */
export class Controllers {
  readonly #hands: Hands

  constructor(api: Api, faster: number) {
    this.#hands = new Hands(api, faster)
  }

  tick(): void {
    this.#each('deployments', (object) => runDeployment(this.#hands, object))
    this.#each('replicasets', (object) => runReplicaSet(this.#hands, object))
    this.#each('statefulsets', (object) => runStatefulSet(this.#hands, object))
    this.#each('daemonsets', (object) => runDaemonSet(this.#hands, object))
    this.#each('jobs', (object) => runJob(this.#hands, object))
    this.#each('persistentvolumeclaims', (object) => bindClaim(this.#hands, object))
    this.#each('customresourcedefinitions', (object) => establish(this.#hands, object))
    this.#each('services', (object) => balance(this.#hands, object, object.spec.type === 'LoadBalancer'))
    this.#each('ingresses', (object) => balance(this.#hands, object, true))
    this.#each('namespaces', (object) => populate(this.#hands, object))
  }

  #each(resource: string, work: (object: ApiObject) => void): void {
    for (const { metadata } of this.#hands.api.store.list(this.#hands.api.type(resource))) {
      const object = this.#hands.api.store.find(this.#hands.api.type(resource), metadata.name, metadata.namespace)
      if (object && object.metadata.deletionTimestamp === undefined) work(object)
    }
  }
}
