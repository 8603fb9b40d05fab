import { dirname } from 'node:path'
import { dotenvOf } from '../environment.ts'
import type { TaskNode } from '../graph.ts'
import { mayBeUpToDate } from '../services.ts'
import { mayShowArgument } from '../shown-arguments.ts'
import type { LoadedTasks } from '../table.ts'
import { canonical } from './canonical.ts'
import { sha256 } from './digest.ts'
import { definitionDigest, identityOf } from './identity.ts'
import { keyedDigest } from './key.ts'
import { openCache } from './looks.ts'
import type { TaskRecord } from './record.ts'
import type { FingerprintRequest } from './request.ts'
import { type StatCache, statCachePath } from './stat-cache.ts'
import { TaskCode } from './task-code.ts'
import { declaredVariables } from './variables.ts'

/** Where a task works, and with which variables. */
export type Surroundings = {
  /** The folder of its Taskfile. */
  folder: string
  env: Readonly<Record<string, string | undefined>>
}

/** Makes requests of the nodes of one invocation, as their needs end. */
export class Requests {
  readonly workspace: string
  readonly cache: StatCache
  readonly keyed: (value: string) => string
  readonly #table: LoadedTasks
  readonly #node: (id: string) => TaskNode | undefined
  readonly #code: TaskCode
  /** By the id of a node that has ended: what it has left. */
  readonly #effects = new Map<string, string>()

  constructor(table: LoadedTasks, node: (id: string) => TaskNode | undefined) {
    this.workspace = dirname(table.file)
    this.cache = openCache(statCachePath(this.workspace))
    this.keyed = keyedDigest(this.workspace)
    this.#table = table
    this.#node = node
    this.#code = new TaskCode(table, this.cache)
  }

  /** The request of a node whose needs have ended; undefined for one that nothing tells from another in a later invocation. */
  of(node: TaskNode, { folder, env }: Surroundings): FingerprintRequest | undefined {
    const { task, name, values } = node
    const identity = identityOf(task, this.#table)
    if (identity === undefined) return undefined
    const { inputs, outputs, env: names = [], args = {} } = task.definition
    const dotenv = dotenvOf(task)
    const hiddenArgs = Object.keys(values).filter((key) => !mayShowArgument(key, args[key]?.specification))
    return {
      id: JSON.stringify([identity, Object.keys(values).length === 0 ? '' : this.keyed(canonical(values))]),
      name,
      workspace: this.workspace,
      folder,
      ...(inputs === undefined ? {} : { inputs }),
      ...(outputs === undefined ? {} : { outputs }),
      env: declaredVariables(names, env),
      ...(dotenv === undefined ? {} : { dotenv }),
      args: values,
      hiddenArgs,
      needs: this.#needsOf(node),
      code: this.#codeOf(node),
      definition: definitionDigest(task),
    }
  }

  /** Notes what a node has left: its outputs, or where it declares none, that it ran with these inputs. */
  ended({ id }: TaskNode, { outputsDigest, key }: Pick<TaskRecord, 'outputsDigest' | 'key'>): void {
    this.#effects.set(id, outputsDigest === undefined ? `run ${key}` : `outputs ${outputsDigest}`)
  }

  /** Notes that what a node has left is like nothing that was before. */
  endedUnknown({ id }: TaskNode, mark: string): void {
    this.#effects.set(id, `unknown ${mark}`)
  }

  /** The code of a task, with that of the needs which nothing else tells of: they run each time, or their fingerprint counts. */
  #codeOf(node: TaskNode): Readonly<Record<string, string>> {
    const own = this.#code.of(node.task)
    const found = new Set<TaskNode>([node])
    for (const { needs } of found) {
      for (const id of Object.values(needs)) {
        const need = this.#node(id)
        if (need !== undefined && !this.#hasFingerprint(need)) found.add(need)
      }
    }
    if (found.size === 1) return own
    const all = [...found].map(({ task }) => this.#code.of(task))
    return all.every((one) => one === own) ? own : Object.assign({}, ...all)
  }

  #hasFingerprint = (node: TaskNode): boolean => mayBeUpToDate(node) && identityOf(node.task, this.#table) !== undefined

  /** What each need has left. */
  #needsOf(node: TaskNode): Record<string, string> {
    return Object.fromEntries(Object.entries(node.needs).map(([name, id]) => [name, this.#effectsOf(id)]))
  }

  /** Of a task without a fingerprint nothing is known but what it needs in its turn. */
  #effectsOf(id: string): string {
    const known = this.#effects.get(id)
    if (known !== undefined) return known
    const node = this.#node(id)
    const inner = node === undefined ? [] : Object.values(this.#needsOf(node)).filter((one) => one !== '')
    const effects = inner.length === 0 ? '' : sha256(inner.sort().join(' '))
    this.#effects.set(id, effects)
    return effects
  }
}
