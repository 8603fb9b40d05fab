import { type CodeGraph, type CodeNode, codeOfExport, readCodeGraph } from '../code/reach.ts'
import type { Task } from '../definition.ts'
import { readManifest } from '../manifest.ts'
import type { LoadedTasks } from '../table.ts'
import { readCode } from './code.ts'
import { sha256 } from './digest.ts'
import { identityOf } from './identity.ts'
import type { StatCache } from './stat-cache.ts'

/** More pieces than this are told by file, and not by name. */
const mostNames = 200

/**
 * The code of each task: of the pieces of the Taskfile and the files that it imports those that the task is made of, as far as that is certain, else
 * all files; and all packages. By `file#name`, a file, or `package name`, so that a difference can be named.
 */
export class TaskCode {
  readonly #table: LoadedTasks
  readonly #all: Readonly<Record<string, string>>
  readonly #graph: CodeGraph | undefined
  /** What is no file of the Taskfile's own code. */
  readonly #outside: Readonly<Record<string, string>> = {}
  readonly #known = new WeakMap<Task, Readonly<Record<string, string>>>()

  constructor(table: LoadedTasks, cache: StatCache) {
    const { file, bundle } = table
    this.#table = table
    const { code, files } = readCode(file, bundle, cache)
    this.#all = { ...files, ...code }
    if (bundle === undefined || readManifest(file)?.output !== bundle) return
    this.#graph = readCodeGraph(file, bundle)
    this.#outside = code
  }

  /** The code of a task, without that of its needs where that is left to them. */
  of(task: Task): Readonly<Record<string, string>> {
    let code = this.#known.get(task)
    if (code === undefined) {
      code = this.#piecesOf(task) ?? this.#all
      this.#known.set(task, code)
    }
    return code
  }

  #piecesOf(task: Task): Record<string, string> | undefined {
    const graph = this.#graph
    const name = identityOf(task, this.#table)
    if (graph === undefined || name === undefined) return undefined
    // A command of a task, or one that is only needed, is a part of the one that is exported.
    const entry = this.#table.entry(name) ?? this.#table.entry(name.split(' ')[0] ?? '')
    if (entry === undefined) return undefined
    const path = typeof entry.export === 'string' ? [entry.export] : entry.export
    const own = codeOfExport(graph, path, entry.task !== task)
    if (own === undefined) return undefined
    const pieces = [...new Set([...graph.always, ...own])].sort((one, other) => one - other)
    return { ...this.#outside, 'load order': graph.order, ...digests(pieces.map((at) => graph.nodes[at] as CodeNode)) }
  }
}

/** The digests of pieces by their places; those of one name, or of none, together. */
function digests(pieces: readonly CodeNode[]): Record<string, string> {
  const found = new Map<string, string[]>()
  const byName = pieces.length <= mostNames
  for (const { file = '', name, digest = '' } of pieces) {
    const key = byName ? `${file}#${name ?? ''}` : file
    const known = found.get(key)
    if (known === undefined) found.set(key, [digest])
    else known.push(digest)
  }
  return Object.fromEntries(
    [...found].map(([key, all]) => [key, all.length === 1 ? (all[0] as string) : sha256(all.join(' '))]),
  )
}
