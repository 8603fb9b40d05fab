/** The life of pods as recordings of a real cluster show it, in steps of one pace. */
import type { Api } from './api.ts'
import { recordEvent } from './events.ts'
import { type ApiObject, type Json, nowText } from './objects.ts'
import { missingOf } from './pod-references.ts'

/** What an image does on this cluster. */
export type ImageCourse = {
  /** How its pull fails; without it, it is there. */
  pull?: 'not-found' | 'unauthorized' | 'unreachable'
  /** How the container fares: it serves (default), is never ready, or ends with a status after it started. */
  run?: 'serve' | 'unready' | { exit: number }
  /** What it logs when it starts. */
  log?: string[]
}

/** What the cluster knows of images. */
export type Images = (image: string) => ImageCourse

type Life = { step: number; restarts: number; log: string[]; previous: string[]; backOff: number }

const pullErrors = {
  'not-found': (image: string) =>
    `rpc error: code = NotFound desc = failed to pull and unpack image "${image}": failed to resolve reference "${image}": ${image}: not found`,
  unauthorized: (image: string) =>
    `failed to pull and unpack image "${image}": failed to resolve reference "${image}": pull access denied, repository does not exist or may require authorization: authorization failed: no basic auth credentials`,
  unreachable: (image: string) =>
    `failed to pull and unpack image "${image}": failed to resolve reference "${image}": failed to do request: Head "https://${image.split('/')[0]}/v2/": dial tcp 10.99.0.1:443: connect: connection refused`,
}

/** Plays the lives of all pods. */
export class Pods {
  readonly #api: Api
  readonly #images: Images
  readonly #lives = new Map<string, Life>()

  constructor(api: Api, images: Images) {
    this.#api = api
    this.#images = images
  }

  /** The lines of a pod's container, or of the one before it. */
  log(pod: ApiObject, previous: boolean): string[] {
    const life = this.#lives.get(pod.metadata.uid)
    return (previous ? life?.previous : life?.log) ?? []
  }

  /** One step of every pod. */
  tick(): void {
    for (const pod of this.#api.store.list(this.#api.type('pods'))) {
      const life = this.#lives.get(pod.metadata.uid) ?? { step: 0, restarts: 0, log: [], previous: [], backOff: 0 }
      this.#lives.set(pod.metadata.uid, life)
      this.#advance(pod, life)
    }
  }

  #advance(pod: ApiObject, life: Life) {
    const { phase } = pod.status
    if (phase === 'Succeeded' || phase === 'Failed') return
    const [container] = pod.spec.containers as [Json]
    if (life.step === 0) {
      if (!this.#schedule(pod)) return
      life.step = 1
      return
    }
    const missing = missingOf(this.#api, pod)
    if (missing) return this.#waits(pod, life, missing.reason, missing.message)
    if (life.step === 1) {
      life.step = 2
      return this.#waits(pod, life, 'ContainerCreating')
    }
    const course = this.#images(container.image)
    if (/[A-Z]/.test(container.image.split(':')[0])) {
      const message = `Failed to apply default image tag "${container.image}": couldn't parse image name "${container.image}": invalid reference format: repository name must be lowercase`
      return this.#waits(pod, life, 'InvalidImageName', message)
    }
    if (course.pull && life.step < 10) {
      const message = pullErrors[course.pull](container.image)
      if (life.step === 2) {
        this.event(pod, 'Warning', 'Failed', `Failed to pull image "${container.image}": ${message}`)
        this.event(pod, 'Warning', 'Failed', 'Error: ErrImagePull')
        life.step = 3
        return this.#waits(pod, life, 'ErrImagePull', message)
      }
      const backOff = `Back-off pulling image "${container.image}": ErrImagePull: ${message}`
      if (life.step === 3) this.event(pod, 'Normal', 'BackOff', `Back-off pulling image "${container.image}"`)
      life.step = life.step === 3 ? 4 : 3
      return this.#waits(
        pod,
        life,
        life.step === 4 ? 'ImagePullBackOff' : 'ErrImagePull',
        life.step === 4 ? backOff : message,
      )
    }
    this.#run(pod, life, container, course)
  }

  #run(pod: ApiObject, life: Life, container: Json, course: ImageCourse) {
    const program = container.command?.[0] as string | undefined
    const script = [...(container.command ?? []), ...(container.args ?? [])].join(' ')
    const exit = /exit (\d+)/.exec(script)?.[1]
    const absent = program?.includes('no-such') === true
    const ends = absent
      ? 128
      : exit !== undefined
        ? Number(exit)
        : typeof course.run === 'object'
          ? course.run.exit
          : undefined
    const isJob = pod.spec.restartPolicy !== 'Always'
    if (life.step === 2) {
      life.step = 20
      life.log = course.log ?? [`${container.image} starts`]
      this.event(pod, 'Normal', 'Started', `Started container ${container.name}`)
      if (!absent) return this.#status(pod, life, { running: { startedAt: nowText() } }, false)
    }
    if (life.step === 20 && ends === undefined && !isJob) {
      life.step = 21
      return this.#status(pod, life, { running: { startedAt: nowText() } }, course.run !== 'unready')
    }
    if (life.step === 21) {
      if (course.run === 'unready' && life.backOff++ === 3)
        this.event(pod, 'Warning', 'Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 404')
      return
    }
    const exitCode = ends ?? 0
    const reason = absent ? 'StartError' : exitCode === 0 ? 'Completed' : 'Error'
    const message = `failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: error during container init: exec: "${program}": stat ${program}: no such file or directory`
    const terminated = {
      exitCode,
      reason,
      ...(absent && { message }),
      startedAt: nowText(),
      finishedAt: nowText(),
      containerID: `containerd://${life.restarts}`,
    }
    if (life.step === 20) {
      if (isJob) {
        life.step = 99
        return this.#status(pod, life, { terminated }, false, undefined, exitCode === 0 ? 'Succeeded' : 'Failed')
      }
      life.previous = life.log
      life.step = 22
      return this.#status(pod, life, { terminated }, false)
    }
    // Terminated, then in back-off, then started again.
    if (life.step === 22) {
      life.step = 23
      life.backOff = 0
      this.event(
        pod,
        'Warning',
        'BackOff',
        `Back-off restarting failed container ${container.name} in pod ${pod.metadata.name}`,
      )
      const text = `back-off 10s restarting failed container=${container.name} pod=${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})`
      return this.#status(pod, life, { waiting: { reason: 'CrashLoopBackOff', message: text } }, false, { terminated })
    }
    if (life.backOff++ < 5) return
    life.restarts += 1
    life.step = 20
    this.#status(pod, life, { running: { startedAt: nowText() } }, false, { terminated })
  }

  /** Finds a node; a pod that asks for more than there is waits. */
  #schedule(pod: ApiObject): boolean {
    const cpus = pod.spec.containers.map(({ resources }: Json) =>
      Number(resources?.requests?.cpu?.replace(/m$/, 'e-3') ?? 0),
    )
    const fits = cpus.reduce((sum: number, cpu: number) => sum + cpu, 0) <= 4
    const message = fits
      ? undefined
      : '0/1 nodes are available: 1 Insufficient cpu. no new claims to deallocate, preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling.'
    const scheduled = {
      type: 'PodScheduled',
      status: fits ? 'True' : 'False',
      lastProbeTime: null,
      lastTransitionTime: nowText(),
    }
    const conditions = [fits ? scheduled : { ...scheduled, reason: 'Unschedulable', message }]
    if (!fits && pod.status.conditions?.[0]?.status === 'False') return false
    if (!fits) this.event(pod, 'Warning', 'FailedScheduling', message as string)
    const bound = fits ? { ...pod, spec: { ...pod.spec, nodeName: 'node-1' } } : pod
    this.#put(bound, { ...pod.status, phase: 'Pending', conditions })
    return fits
  }

  #waits(pod: ApiObject, life: Life, reason: string, message?: string) {
    this.#status(pod, life, { waiting: { reason, ...(message !== undefined && { message }) } }, false)
  }

  #status(pod: ApiObject, life: Life, state: Json, ready: boolean, lastState: Json = {}, phase?: string) {
    const names = pod.spec.containers.map(({ name }: Json) => name)
    const at = nowText()
    const condition = (type: string, on: boolean) => ({
      type,
      status: on ? 'True' : 'False',
      lastProbeTime: null,
      lastTransitionTime: at,
      ...(!on && { reason: 'ContainersNotReady', message: `containers with unready status: [${names.join(' ')}]` }),
    })
    const before = pod.status.containerStatuses?.[0]
    this.#put(pod, {
      phase: phase ?? (state.waiting && life.restarts === 0 && !lastState.terminated ? 'Pending' : 'Running'),
      observedGeneration: 1,
      conditions: [
        { type: 'Initialized', status: 'True', lastProbeTime: null, lastTransitionTime: at },
        condition('Ready', ready),
        condition('ContainersReady', ready),
        { type: 'PodScheduled', status: 'True', lastProbeTime: null, lastTransitionTime: at },
      ],
      hostIP: '10.99.0.1',
      podIP: '10.244.0.9',
      startTime: pod.status.startTime ?? at,
      containerStatuses: pod.spec.containers.map(({ name, image }: Json) => ({
        name,
        image,
        imageID: '',
        ready,
        started: state.running !== undefined,
        restartCount: life.restarts,
        state,
        lastState: lastState.terminated ? lastState : (before?.lastState ?? {}),
      })),
      qosClass: 'BestEffort',
    })
  }

  #put(pod: ApiObject, status: Json) {
    const { resourceVersion: _, ...metadata } = pod.metadata
    this.#api.store.update(
      this.#api.type('pods'),
      { ...pod, metadata: metadata as ApiObject['metadata'], status },
      { status: true },
    )
  }

  /** Leaves an event about an object; the same one again is counted. */
  event(about: ApiObject, type: string, reason: string, message: string): void {
    recordEvent(this.#api, about, type, reason, message)
  }
}
