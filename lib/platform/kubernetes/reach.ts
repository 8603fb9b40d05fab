import type { Desired, DesiredService } from '../../model/desired.ts'
import { type Failure, FailureError, failed, ok, type Result } from '../../model/failure.ts'
import type { KubernetesObject } from '../../model/kubernetes-object.ts'
import type { DatabaseAdministrator, Endpoint } from '../../model/platform.ts'
import type { ObservedDatabase } from '../../model/snapshot.ts'
import { administratorOf, observeServer } from '../database-access.ts'
import { externalAdministrator, observeExternal } from '../local/external-database.ts'
import { noSuchPort, notRunning } from '../service-failures.ts'
import type { KubernetesContext } from './context.ts'
import { type Inventory, readInventory } from './inventory.ts'
import type { ForwardTarget } from './port-forward.ts'
import { Tunnel } from './tunnel.ts'

/** Kinds whose pods are reached by their workload's name, the words of kubectl. */
const workloads: Readonly<Record<string, string>> = {
  StatefulSet: 'statefulset',
  Deployment: 'deployment',
  DaemonSet: 'daemonset',
  Pod: 'pod',
}

type Port = { name?: string; port: number }

/** The ways into a cluster that this process has opened: one for each port, for as long as the process lives. */
export class Ways {
  readonly #cluster: KubernetesContext
  readonly #desired: Desired
  readonly #tunnels = new Map<string, Tunnel>()

  constructor(cluster: KubernetesContext, desired: Desired) {
    this.#cluster = cluster
    this.#desired = desired
  }

  /** A service's port as reachable from here. Failures: `service-not-running`, `no-such-port`, `not-reachable`. */
  connect(service: string, port: string): Promise<Result<Endpoint>> {
    return this.#connect(
      service,
      port,
      this.#desired.services.find(({ name }) => name === service),
    )
  }

  /** The administrator of the server that a service is. Failures: those of connecting, `no-database`, `secret-missing`. */
  async administrator(service: string): Promise<Result<DatabaseAdministrator>> {
    const { database } = this.#desired
    if (database?.url !== undefined && database.service === service)
      return externalAdministrator(database, this.#cluster.secrets)
    return administratorOf(this.#desired, service, this.#cluster.secrets, (found) => this.#connect(service, '', found))
  }

  /** What is known of the environment's database. `isReleased`: a release had the service, so that it may have data although it does not run. */
  async observe(
    isReleased: (service: string) => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<ObservedDatabase | undefined> {
    const { database, services } = this.#desired
    if (!database) return undefined
    if (database.url !== undefined) return observeExternal(database, this.#cluster.secrets, signal)
    if (!services.find(({ name }) => name === database.service)?.spec?.kubernetes) return undefined
    const admin = await this.administrator(database.service)
    return observeServer(database, admin, this.#cluster.secrets, () => isReleased(database.service), signal)
  }

  async #connect(service: string, port: string, desired: DesiredService | undefined): Promise<Result<Endpoint>> {
    try {
      const target = await targetOf(this.#cluster, service, port, desired?.spec?.ports ?? {})
      if (!target.ok) return target
      const { namespace, resource } = target.value
      const key = `${namespace} ${resource} ${target.value.port}`
      const tunnel = this.#tunnels.get(key) ?? new Tunnel(this.#cluster.kubectl, target.value)
      this.#tunnels.set(key, tunnel)
      return await tunnel.open()
    } catch (error) {
      if (error instanceof FailureError) return failed(...(error.failures as [Failure]))
      throw error
    }
  }
}

/** The workload that a service's pods belong to, as kubectl takes it. Failure `service-not-running`; throws `FailureError`. */
export async function workloadOf(
  cluster: KubernetesContext,
  service: string,
): Promise<Result<{ namespace: string; resource: string }>> {
  return workloadIn(await readInventory(cluster, service), service)
}

function workloadIn(
  inventory: Inventory | undefined,
  service: string,
): Result<{ namespace: string; resource: string }> {
  const objects = inventory?.objects ?? []
  const found = Object.keys(workloads).flatMap((kind) => objects.find((one) => one.kind === kind) ?? [])[0]
  if (found?.namespace === undefined) return failed(notRunning(service))
  return ok({ namespace: found.namespace, resource: `${workloads[found.kind]}/${found.name}` })
}

/**
 * What a port of a service is forwarded from: the Service that has it, else the workload. A port is named as the catalogue or the Service names it,
 * or by its number; an empty one is the first.
 */
async function targetOf(
  cluster: KubernetesContext,
  service: string,
  port: string,
  ports: Record<string, number>,
): Promise<Result<ForwardTarget>> {
  const inventory = await readInventory(cluster, service)
  const workload = workloadIn(inventory, service)
  if (!workload.ok) return workload
  const services = (inventory?.applied ?? []).filter(({ kind }) => kind === 'Service')
  const declared = port === '' ? Object.values(ports)[0] : ports[port]
  const number = declared ?? (/^\d+$/.test(port) ? Number(port) : undefined)
  const isWanted = (one: Port): boolean =>
    (port !== '' && one.name === port) || (number === undefined ? port === '' : one.port === number)
  for (const object of services) {
    const found = portsOf(object).find(isWanted)
    const { name, namespace } = object.metadata
    if (found && namespace !== undefined) return ok({ namespace, resource: `service/${name}`, port: found.port })
  }
  if (number !== undefined) return ok({ ...workload.value, port: number })
  const names = [...Object.keys(ports), ...services.flatMap(portsOf).map((one) => one.name ?? String(one.port))]
  return failed(noSuchPort(service, port, [...new Set(names)], 'a Service of its manifests'))
}

const portsOf = ({ spec }: KubernetesObject): Port[] => (spec as { ports?: Port[] } | undefined)?.ports ?? []
