import { randomBytes } from 'node:crypto'
import { kubectlOf } from '../../../lib/platform/kubernetes/kubectl.ts'
import { type LeaseObject, microTime } from '../../../lib/platform/kubernetes/lease-object.ts'
import { label, ownName } from '../../../lib/platform/kubernetes/names.ts'
import { ensureHome } from '../../../lib/platform/kubernetes/records.ts'
import { run, temporaryFolder } from '../../support/index.ts'
import { type Cluster, startCluster } from '../../support/kubernetes/index.ts'
import { conformLocks } from './locks.ts'

conformLocks('kubernetes', async () => {
  const folder = temporaryFolder()
  const given = process.env.VITAL_OPS_TEST_KUBECONFIG
  const cluster: Cluster | undefined = given === undefined ? await startCluster({ folder }) : undefined
  // Read by this process's kubectl and by those of its peers.
  const env = { KUBECONFIG: given ?? (cluster as Cluster).kubeconfig, KUBECACHEDIR: `${folder}/cache` }
  Object.assign(process.env, env)
  const kubectl = async (args: string[], input?: string) => {
    const done = await run(['kubectl', ...args], { env, ...(input !== undefined && { input }), timeout: 60_000 })
    if (done.status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${done.stderr}`)
    return done.stdout.trim()
  }
  const context = await kubectl(['config', 'current-context'])
  const workspaceId = `vol${randomBytes(4).toString('hex')}`
  const home = `vital-ops-test-${workspaceId}`
  const nameOf = (environment: string) => ownName({ workspaceId, environment }, 'lock')
  await ensureHome({ kubectl: kubectlOf({ context }), home, workspaceId, environment: 'any' })
  return {
    place: { platform: 'kubernetes', context, home, workspaceId },
    other: { platform: 'kubernetes', context, home, workspaceId: `${workspaceId}b` },
    shortMs: 3000,
    async hold(environment, { holder, standing, ttlMs, at }) {
      const lease: LeaseObject = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {
          name: nameOf(environment),
          namespace: home,
          annotations: { [label.holder]: JSON.stringify({ holder, standing, left: [] }) },
        },
        spec: {
          holderIdentity: holder.run,
          leaseDurationSeconds: ttlMs / 1000,
          renewTime: microTime(new Date(at)),
        },
      }
      await kubectl(['create', '-f', '-'], JSON.stringify(lease))
      return (beat) => {
        const spec = { renewTime: microTime(new Date(Date.parse(at) + beat)) }
        return kubectl([
          ...['patch', 'lease', nameOf(environment), '-n', home, '--type=merge', '-p'],
          JSON.stringify({ spec }),
        ])
      }
    },
    destroy: async (environment) => {
      await kubectl(['delete', 'lease', nameOf(environment), '-n', home])
    },
    queue: async (environment) =>
      (await kubectl(['get', 'lease', nameOf(environment), '-n', home, '-o', 'jsonpath={.spec.holderIdentity}'])) ===
      'run-far'
        ? 1
        : 2,
    chanceMs: 10_000,
    races: 200,
    crowd: 4,
    async end() {
      if (!cluster) await kubectl(['delete', 'namespace', home, '--ignore-not-found', '--wait=false'])
      await cluster?.end()
    },
  }
})
