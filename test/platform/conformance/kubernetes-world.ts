import { join } from 'node:path'
import { run, temporaryFolder } from '../../support/index.ts'
import { type Cluster, startCluster } from '../../support/kubernetes/index.ts'
import {
  type Behaviour,
  byService,
  type Ground,
  makePlace,
  makeWorld,
  namespaceOf,
  type Place,
  type Service,
  type World,
} from './world.ts'

/** The real cluster to run on, and an image that it can pull and that goes on running. */
const real = { kubeconfig: process.env.VITAL_OPS_TEST_KUBECONFIG, image: process.env.VITAL_OPS_TEST_IMAGE_V1 }

/** Whether the suite runs on a real cluster, whose registry cannot be made to lose an image. */
export const isReal = real.kubeconfig !== undefined

/** What the test's own cluster and its clones share. */
type Shared = { place: Place; cluster: Cluster | undefined; broken: Set<string> }

/** The suite's world on a cluster: the test's own API server, or a real cluster; with `of`, the same environment from another folder. */
export async function kubernetesWorld(of?: Shared): Promise<World> {
  const place = await makePlace(of?.place)
  const base = temporaryFolder()
  const namespace = namespaceOf(place)
  const broken = of?.broken ?? new Set<string>()
  const cluster = isReal ? undefined : (of?.cluster ?? (await ownCluster(join(base, 'cluster'), broken)))
  const kubeconfig = real.kubeconfig ?? (cluster as Cluster).kubeconfig
  const env = { KUBECONFIG: kubeconfig, KUBECACHEDIR: join(base, 'kube-cache'), OPS_TEST_WORLD: base }
  const kubectl = async (...args: string[]) => {
    const done = await run(['kubectl', ...args], { cwd: base, env, timeout: 180_000 })
    if (done.status !== 0) throw new Error(`kubectl ${args.join(' ')}: ${done.stderr}`)
    return done.stdout.trim()
  }
  const context = isReal ? await kubectl('config', 'current-context') : 'test'
  const ground: Ground = {
    platform: 'kubernetes',
    env,
    environmentYaml: `name: dev
platform: kubernetes
kubernetes: { context: ${JSON.stringify(context)}, namespace: ${namespace} }
deploy: { keep: 5, gate: { deadline: 90s } }
`,
    values: {},
    filesOf: (service, behaviour, version) => ({
      [`infrastructure/kubernetes/${service}.yaml`]: manifest(service, behaviour, version),
    }),
    async fail(service, isBroken) {
      if (isBroken) broken.add(service)
      else broken.delete(service)
    },
    async instances() {
      const selector = `vital-ops.dev/workspace=${place.id}`
      const { items } = JSON.parse(await kubectl('get', 'pods', '-n', namespace, '-l', selector, '-o', 'json')) as Pods
      return byService(items.map(({ metadata: { labels, uid } }) => [labels['vital-ops.dev/service'], uid]))
    },
    async end() {
      if (isReal) await kubectl('delete', 'namespace', namespace, '--ignore-not-found', '--wait=false')
      if (!of) await cluster?.end()
    },
  }
  const world = await makeWorld(place, ground)
  return { ...world, clone: () => kubernetesWorld({ place, cluster, broken }) }
}

type Pods = { items: { metadata: { uid: string; labels: Record<string, string> } }[] }

/** Images are named `registry.local/<service>:<version>-<behaviour>`; those of a broken service are not there. */
const ownCluster = (folder: string, broken: ReadonlySet<string>): Promise<Cluster> =>
  startCluster({
    folder,
    paceMs: 30,
    images(image) {
      const [, service = '', behaviour = ''] = /\/(\w+):\w+-(\w+)$/.exec(image) ?? []
      if (broken.has(service)) return { pull: 'not-found' }
      const log = [`starting ${image}`, 'listening']
      if (behaviour === 'unready') return { run: 'unready', log }
      return behaviour === 'broken' ? { run: { exit: 3 }, log: ['cannot find the frobnicator'] } : { log }
    },
  })

/** What the test's cluster knows by the image's name, a real one learns from a program that no image has. */
const manifest = (service: Service, behaviour: Behaviour, version: string) => `apiVersion: apps/v1
kind: Deployment
metadata: { name: ${service} }
spec:
  replicas: 1
  progressDeadlineSeconds: 60
  selector: { matchLabels: { app: ${service} } }
  template:
    metadata: { labels: { app: ${service} }, annotations: { version: ${version} } }
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: ${service}
          image: "${real.image ?? `registry.local/${service}:${version}-${behaviour}`}"
${isReal && behaviour === 'broken' ? '          command: [/vital-ops-no-such-program]\n' : ''}${
  isReal && behaviour === 'unready'
    ? '          readinessProbe: { exec: { command: [/vital-ops-no-such-program] }, periodSeconds: 1 }\n'
    : ''
}`
