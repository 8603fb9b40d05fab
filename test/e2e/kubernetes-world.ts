/**
 * A small workspace on a cluster: a store (StatefulSet with a claim), an api (Deployment and Service) that depends on it, a job. The cluster is the
 * test's own API server, or the real one that VITAL_OPS_TEST_KUBECONFIG names; everything is in a namespace of its own.
 */
import { randomBytes } from 'node:crypto'
import { chmod, mkdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Ended, type Running, repository, run, start, temporaryFolder } from '../support/index.ts'
import { type Cluster, startCluster } from '../support/kubernetes/index.ts'
import type { Access } from '../support/kubernetes/server.ts'
import type { PodPlayers } from '../support/kubernetes/upgrades.ts'
import { checkNext } from './next-commands.ts'

/** How the api of a commit is. */
export type Behaviour = 'good' | 'missing-image' | 'bad-command'

/** A workspace in a folder of its own, and its cluster. */
export type KubernetesWorld = {
  folder: string
  namespace: string
  /** The test's own cluster; undefined on a real one. */
  cluster: Cluster | undefined
  env: Record<string, string>
  images: { v1: string; v2: string }
  task(args: readonly string[], options?: { env?: Record<string, string>; timeout?: number }): Promise<Ended>
  start(args: readonly string[], options?: { env?: Record<string, string>; timeout?: number }): Running
  write(path: string, text: string): Promise<void>
  read(path: string): Promise<string>
  git(...args: string[]): Promise<string>
  /** Makes a commit in which the api runs an image and behaves so. */
  commit(version: 'v1' | 'v2', behaviour?: Behaviour, extra?: string): Promise<string>
  json<T = Record<string, unknown>>(args: readonly string[]): Promise<T>
  /** Runs kubectl in the world's namespace. */
  kubectl(...args: string[]): Promise<string>
  /** The same workspace in another folder. */
  clone(): Promise<KubernetesWorld>
  end(): Promise<void>
}

/** The real cluster to run on, and images that it can pull. */
const real = {
  kubeconfig: process.env.VITAL_OPS_TEST_KUBECONFIG,
  v1: process.env.VITAL_OPS_TEST_IMAGE_V1,
  v2: process.env.VITAL_OPS_TEST_IMAGE_V2,
}

/** Whether the tests run on a real cluster. */
export const isReal = real.kubeconfig !== undefined

/** What differs from the usual world. */
export type KubernetesWorldOptions = {
  hooks?: string
  keep?: number
  paceMs?: number
  /** What else the environment says of its cluster: `, quota: { pods: "20" }`. */
  cluster?: string
  /** Images besides its own that nodes can pull; only on the test's own cluster. */
  pulls?(image: string): boolean
  /** Who may do what; only on the test's own cluster. */
  allows?(access: Access): boolean
  /** What plays the pods, and images that are there besides those of the api; only on the test's own cluster. */
  players?: PodPlayers
  otherImages?: readonly string[]
  of?: { namespace: string; cluster: Cluster | undefined; id: string; base: string }
}

/** Makes the workspace, with one good commit. Nothing is on the cluster yet. */
export async function makeKubernetesWorld(options: KubernetesWorldOptions = {}): Promise<KubernetesWorld> {
  const base = temporaryFolder()
  const folder = join(base, 'shop')
  const id = options.of?.id ?? `shop${randomBytes(4).toString('hex')}`
  const namespace = options.of?.namespace ?? `vital-ops-test-${id}`
  const images = { v1: real.v1 ?? 'registry.local/web:v1', v2: real.v2 ?? 'registry.local/web:v2' }
  const known = new Set([...Object.values(images), ...(options.otherImages ?? [])])
  const cluster = isReal
    ? undefined
    : (options.of?.cluster ??
      (await startCluster({
        ...options.players,
        folder: join(base, 'cluster'),
        paceMs: options.paceMs ?? 30,
        ...(options.allows && { allows: options.allows }),
        images: (image) =>
          known.has(image) || options.pulls?.(image)
            ? { log: [`${image} starts`, 'listening'] }
            : { pull: 'not-found' },
      })))
  const kubeconfig = real.kubeconfig ?? (cluster as Cluster).kubeconfig
  // A cache of kubectl's own, so that clusters of other tests at the same port are none.
  const env = { KUBECONFIG: kubeconfig, KUBECACHEDIR: join(base, 'kube-cache'), OPS_TEST_WORLD: base }
  const kubectlAt = async (args: readonly string[]) => {
    const done = await run(['kubectl', ...args], { cwd: base, env, timeout: 180_000 })
    if (done.status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${done.stderr}`)
    return done.stdout.trim()
  }
  const context = isReal ? await kubectlAt(['config', 'current-context']).catch(() => 'test') : 'test'
  const write = async (path: string, text: string) => {
    await mkdir(join(folder, path, '..'), { recursive: true })
    await writeFile(join(folder, path), text)
  }
  await write('Taskfile.ts', taskfile)
  await write('package.json', '{ "name": "shop", "private": true, "type": "module" }\n')
  await write('.gitignore', 'node_modules\n.ops\n.env.*\n!*.example\n')
  await mkdir(join(folder, 'node_modules'))
  await symlink(repository, join(folder, 'node_modules/vital-ops'))
  await write('config/workspace.yaml', `name: shop\nid: ${id}\n`)
  await write('config/environments/production.yaml', environmentYaml(context, namespace, options))
  await write('.env.production', 'TOKEN=geheimnis-von-heute\nGREETING=hello\n')
  await chmod(join(folder, '.env.production'), 0o600)
  await write('config/services/store.yaml', serviceYaml('store', 'databases', []))
  await write('config/services/api.yaml', serviceYaml('api', 'applications', ['store']))
  await write('k8s/store/store.yaml', storeYaml(images.v1))
  await write('k8s/api/kustomization.yaml', 'resources: [api.yaml]\nlabels: [{ pairs: { team: shop } }]\n')
  const git = async (...args: string[]) => {
    const done = await run(['git', '-c', 'user.name=t', '-c', 'user.email=t@example.com', ...args], { cwd: folder })
    if (done.status !== 0) throw new Error(`git ${args.join(' ')}: ${done.stderr}`)
    return done.stdout.trim()
  }
  const world: KubernetesWorld = {
    folder,
    namespace,
    cluster,
    env,
    images,
    task: async (args, given = {}) => checkNext(folder, args, await world.start(args, given).ended),
    start: (args, given = {}) =>
      start([process.execPath, join(repository, 'bin/task'), ...args], {
        cwd: folder,
        env: { ...env, ...given.env },
        timeout: given.timeout ?? 180_000,
      }),
    write,
    read: (path) => readFile(join(folder, path), 'utf8'),
    git,
    async commit(version, behaviour = 'good', extra = '') {
      await write('k8s/api/api.yaml', apiYaml(images[version], behaviour) + extra)
      await git('add', '-A')
      await git('commit', '-q', '--allow-empty', '-m', `${version} ${behaviour}`)
      return git('rev-parse', 'HEAD')
    },
    async json(args) {
      const done = await world.task([...args, '--json'])
      return JSON.parse(done.stdout)
    },
    kubectl: (...args) => kubectlAt(['-n', namespace, ...args]),
    clone: () => makeKubernetesWorld({ ...options, of: { namespace, cluster, id, base } }),
    async end() {
      if (isReal) await kubectlAt(['delete', 'namespace', namespace, '--ignore-not-found', '--wait=false'])
      await cluster?.end()
    },
  }
  await git('init', '-q', '-b', 'main')
  await world.commit('v1')
  return world
}

const taskfile = `
import { task } from 'vital-ops'
import { operations } from 'vital-ops/operations'

export default operations()
export const broken = task({
  description: 'Fails',
  run: () => {
    throw new Error('the hook broke')
  },
})
`

const environmentYaml = (
  context: string,
  namespace: string,
  { hooks, keep, cluster = '' }: KubernetesWorldOptions,
) => `name: production
platform: kubernetes
kubernetes: { context: ${JSON.stringify(context)}, namespace: ${namespace}${cluster} }
deploy:
  keep: ${keep ?? 5}
  gate: { deadline: 90s }
  hooks: ${hooks ?? '{}'}
`

const serviceYaml = (name: string, category: string, dependencies: string[]) => `name: ${name}
category: ${category}
dependencies: [${dependencies.join(', ')}]
kubernetes:
  namespace: shop
  manifests: [k8s/${name}]
  settle: 1s
configuration:
  environment_variables:
    RELEASE: \${release}
    GREETING: \${GREETING}
  secrets: ${name === 'api' ? '[TOKEN]' : '[]'}
`

const storeYaml = (image: string) => `apiVersion: v1
kind: Service
metadata: { name: store }
spec: { clusterIP: None, selector: { app: store }, ports: [{ port: 80 }] }
---
apiVersion: apps/v1
kind: StatefulSet
metadata: { name: store }
spec:
  serviceName: store
  replicas: 1
  selector: { matchLabels: { app: store } }
  template:
    metadata: { labels: { app: store } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - { name: store, image: "${image}" }
`

const apiYaml = (image: string, behaviour: Behaviour) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: api }
spec:
  replicas: 2
  progressDeadlineSeconds: 60
  selector: { matchLabels: { app: api } }
  template:
    metadata: { labels: { app: api } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: api
          image: "${behaviour === 'missing-image' ? image.replace(/[:@][^/]*$/, ':vital-ops-no-such-tag') : image}"
${behaviour === 'bad-command' ? '          command: [/vital-ops-no-such-program]\n' : ''}---
apiVersion: v1
kind: Service
metadata: { name: api }
spec: { selector: { app: api }, ports: [{ port: 80, targetPort: 8080 }] }
`

/** The image that the API's Deployment asks for. */
export const runningImage = (world: Pick<KubernetesWorld, 'kubectl'>): Promise<string> =>
  world.kubectl('get', 'deployment', 'api', '-o', 'jsonpath={.spec.template.spec.containers[0].image}')
