import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { parseAllDocuments } from 'yaml'
import { type KubernetesObject, kubernetesObjectSchema } from '../../lib/model/kubernetes-object.ts'
import { repository } from './folders.ts'

/** An event of a recording; `t` is milliseconds since its start. */
export type RecordedEvent = { t: number; type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: KubernetesObject }

/** A command of a recording, with the objects that it was given. */
export type RecordedStep = {
  t: number
  done: number
  exit: number
  command: string
  stdout: string[]
  stderr: string[]
  objects: KubernetesObject[]
}

/** What a correct tool says about a step; see the README of the recordings. */
export type RecordedVerdict = {
  step_t: number
  step_done: number
  verdict: 'ready' | 'failed' | 'progressing' | 'rejected' | 'deleted'
  cause?: string
  at?: number
  first_sign?: number
  controller_says_failed?: number
  may_heal?: boolean
  false_ready_at?: number
  note?: string
}

/** A recording of a real API server: what was done, what watches said, and the verdicts that are right. */
export type Recording = {
  name: string
  duration: number
  steps: RecordedStep[]
  events: RecordedEvent[]
  verdicts: RecordedVerdict[]
}

const folder = `${repository}/test/fixtures/kubernetes`

/** The names of all recordings. */
export const recordingNames = (): string[] =>
  readdirSync(`${folder}/scenarios`)
    .filter((name) => name.endsWith('.jsonl.gz'))
    .map((name) => name.slice(0, -'.jsonl.gz'.length))
    .sort()

/** Reads one recording. */
export function recording(name: string): Recording {
  const lines = gunzipSync(readFileSync(`${folder}/scenarios/${name}.jsonl.gz`)).toString('utf8')
  const events = lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as RecordedEvent)
  const verdicts = JSON.parse(readFileSync(`${folder}/verdicts.json`, 'utf8'))[name]
  const steps = stepsOf(readFileSync(`${folder}/scenarios/${name}.yaml`, 'utf8'))
  return { name, duration: verdicts.duration_ms, steps, events, verdicts: verdicts.steps }
}

function stepsOf(text: string): RecordedStep[] {
  const steps: RecordedStep[] = []
  for (const part of text.split(/^---$/m)) {
    const header = part.match(/^# t=(\d+) done=(\d+) exit=(\d+): (.*)$/m)
    if (header) {
      const [, t, done, exit, command] = header
      const said = (stream: string) =>
        [...part.matchAll(new RegExp(`^# ${stream}: (.*)$`, 'gm'))].map(([, line]) => line as string)
      steps.push({
        t: Number(t),
        done: Number(done),
        exit: Number(exit),
        command: command as string,
        stdout: said('stdout'),
        stderr: said('stderr'),
        objects: [],
      })
    }
    for (const document of parseAllDocuments(part)) {
      const object = kubernetesObjectSchema.safeParse(document.toJS())
      if (object.success) steps.at(-1)?.objects.push(object.data)
    }
  }
  return steps
}

/** Numbers between 0 and 1, the same for the same seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }
}

/**
 * The same events with neighbours of different kinds exchanged: their times stay where they are, so that an event comes up to `reach`
 * milliseconds earlier or later, never beyond the beginning of a step. Events of one kind stay in their order, as within one watch.
 */
export function shuffled({ events, steps }: Recording, seed: number, reach = 1000): RecordedEvent[] {
  const random = randomNumbers(seed)
  const result = events.map((event) => ({ event, from: event.t }))
  const times = events.map(({ t }) => t)
  for (let pass = 0; pass < 4; pass++) {
    for (let at = 0; at + 1 < result.length; at++) {
      const left = result[at]
      const right = result[at + 1]
      if (!left || !right || left.event.object.kind === right.event.object.kind || random() < 0.5) continue
      const [t, next] = [times[at] ?? 0, times[at + 1] ?? 0]
      // What was there before the start is no news of the watch.
      if (t === 0 || next - left.from > reach || right.from - t > reach) continue
      if (steps.some((step) => step.t > t && step.t <= next)) continue
      result[at] = right
      result[at + 1] = left
    }
  }
  return result.map(({ event }, index) => ({ ...event, t: times[index] as number }))
}
