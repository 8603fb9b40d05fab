import type { KubernetesObject } from '../../../model/kubernetes-object.ts'
import { type PodState, podState } from './pod-state.ts'
import { type Cause, failedFor, type Look, progressing, type Reading } from './rule.ts'

/**
 * What the pods of a workload's newest revision say about it. Failed when none of them will run: at least one is doomed (or was thrown out
 * for its own doing) and every other one is doomed or crashing as well, replacements of thrown out ones left aside. Undefined when they do
 * not fail it, or fewer than `expected` were seen yet; `blockedBy` says then what holds them up.
 */
export function failureOfPods(pods: readonly KubernetesObject[], expected: number, look: Look): Reading | undefined {
  const states = pods
    .filter((pod) => !look.memory.endedBefore(pod))
    .map((pod) => podState(pod, look))
    .filter(({ state }) => state !== 'gone')
  const proven = states.filter(({ state }) => state === 'doomed' || state === 'failed')
  if (proven.length === 0 || states.length < expected) return undefined
  const thrownOut = states.filter(({ state }) => state === 'failed').length
  const others = states.filter(({ state }) => !['doomed', 'failed', 'crashing'].includes(state)).length
  if (others > thrownOut) return undefined
  const bad = states.filter(({ state }) => state !== 'starting' && state !== 'ready')
  return failedFor(causeOf(proven).text, concerning(bad))
}

/** What keeps pods from being ready: a cause that may heal first, then what probes say. */
export function blockedBy(pods: readonly KubernetesObject[], look: Look, message: string): Reading {
  const states = pods.map((pod) => podState(pod, look))
  const named = states.filter(({ state, cause }) => cause && state !== 'gone' && state !== 'failed')
  const order = ['doomed', 'blocked', 'crashing', 'starting']
  const first = named.sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))[0]
  if (!first?.cause) return progressing(message)
  const same = named.filter(({ cause }) => cause?.text === first.cause?.text)
  // One pod of several that is doomed fails no workload by itself: others may make up for it until the deadline.
  return progressing(message, { cause: first.cause, ...concerning(same) })
}

const causeOf = (states: readonly PodState[]): Cause =>
  states.find(({ cause }) => cause)?.cause ?? { text: 'its pods do not run', mayHeal: false }

function concerning(states: readonly PodState[]): { pods: string[]; about: string[] } {
  return {
    pods: states.map(({ pod }) => pod.metadata.name),
    about: states.flatMap(({ pod }) => (pod.metadata.uid === undefined ? [] : [pod.metadata.uid])),
  }
}
