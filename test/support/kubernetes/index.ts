import { mkdir, writeFile } from 'node:fs/promises'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { Api } from './api.ts'
import { Controllers } from './controllers.ts'
import type { Fault } from './faults.ts'
import { type Images, Pods } from './pods.ts'
import { type Access, makeServer } from './server.ts'
import type { PodPlayers } from './upgrades.ts'

/** What a test's cluster is like. */
export type ClusterOptions = PodPlayers & {
  /** A folder of the test's own, for the kubeconfig. */
  folder: string
  images?: Images
  /** Between two steps of what happens on the cluster; default 40 ms. */
  paceMs?: number
  /** How much faster than a real one's its deadlines pass; default 20. */
  faster?: number
  allows?(access: Access): boolean
}

/** A running test's cluster. */
export type Cluster = {
  api: Api
  url: string
  /** A kubeconfig with the context `test` (user `tester`). */
  kubeconfig: string
  faults: Fault[]
  /** Every request so far: `GET /version`. */
  requests: string[]
  /** Writes a kubeconfig of another user; returns its path. */
  kubeconfigOf(user: string): Promise<string>
  end(): Promise<void>
}

/** Starts an API server on loopback, with a node, a storage class and the namespace `default`. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const api = new Api()
  const pods = new Pods(api, options.images ?? (() => ({})))
  const controllers = new Controllers(api, options.faster ?? 20)
  const by = { manager: 'cluster', dryRun: false }
  api.create(api.type('namespaces'), { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } }, by)
  api.create(
    api.type('nodes'),
    {
      apiVersion: 'v1',
      kind: 'Node',
      metadata: { name: 'node-1' },
      status: {
        allocatable: { cpu: '4', memory: '8Gi', pods: '110' },
        conditions: [{ type: 'Ready', status: 'True' }],
      },
    },
    by,
  )
  api.create(
    api.type('storageclasses'),
    {
      apiVersion: 'storage.k8s.io/v1',
      kind: 'StorageClass',
      metadata: { name: 'standard', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'example.com/test',
    },
    by,
  )
  const faults: Fault[] = []
  const requests: string[] = []
  const open = new Set<Duplex>()
  const server = makeServer({
    ...(options.listens && { listens: options.listens }),
    ...(options.execs && { execs: options.execs }),
    open,
    api,
    faults,
    requests,
    allows: options.allows ?? (() => true),
    logs: (pod, _container, previous) => pods.log(pod, previous),
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const timer = setInterval(() => {
    pods.tick()
    controllers.tick()
  }, options.paceMs ?? 40)
  const kubeconfigOf = async (user: string) => {
    const file = join(options.folder, `kubeconfig-${user}.json`)
    await mkdir(options.folder, { recursive: true })
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'test', cluster: { server: url } }],
      users: [{ name: user, user: { token: user } }],
      contexts: [{ name: 'test', context: { cluster: 'test', user } }],
      'current-context': 'test',
    }
    await writeFile(file, JSON.stringify(config), { mode: 0o600 })
    return file
  }
  return {
    api,
    url,
    kubeconfig: await kubeconfigOf('tester'),
    faults,
    requests,
    kubeconfigOf,
    end: async () => {
      clearInterval(timer)
      server.closeAllConnections()
      for (const connection of open) connection.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
