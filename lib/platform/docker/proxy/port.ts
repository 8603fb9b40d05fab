import type { Milliseconds } from '../../../model/duration.ts'
import type { Result } from '../../../model/failure.ts'
import type { Engine } from '../engine.ts'

/** A container that a proxy sends requests to: its name, and its address and port on the network that both are on. */
export type ProxyTarget = { name: string; address: string; draining?: true }

/** Where a proxy runs: all its containers, by id; what is changed is changed in each. */
export type ProxyPlace = { engine: Engine; containers: readonly [string, ...string[]]; signal?: AbortSignal }

/**
 * What a proxy is told while a service's new containers take the place of the old. Failures: `proxy-refused` (its configuration is not
 * right), `proxy-did-not-follow`, and those of the engine. Each call is idempotent.
 */
export interface ProxyAdapter {
  /** Who gets a service's requests; undefined while the proxy goes by the service's name. */
  targets(place: ProxyPlace, service: string): Promise<Result<ProxyTarget[] | undefined>>
  /** From now on these get requests too, beside those that were added before; the name no longer counts. Resolves when that is so. */
  add(place: ProxyPlace, service: string, targets: readonly ProxyTarget[]): Promise<Result<void>>
  /**
   * From now on these get no new requests. Resolves when the last one under way has been answered: `drained` is false where that took longer
   * than `deadlineMs`. Refused (`nothing-left`) when nobody would get requests any more.
   */
  drain(
    place: ProxyPlace,
    service: string,
    targets: readonly ProxyTarget[],
    deadlineMs: Milliseconds,
  ): Promise<Result<{ drained: boolean }>>
  /** Forgets these; with the last one, the proxy goes by the service's name again. */
  remove(place: ProxyPlace, service: string, targets: readonly ProxyTarget[]): Promise<Result<void>>
  /** Answers every request with 503 (`on`), or lets them through again. Outlives the proxy's container. */
  maintenance(place: ProxyPlace, on: boolean): Promise<Result<void>>
  inMaintenance(place: ProxyPlace): Promise<Result<boolean>>
}
