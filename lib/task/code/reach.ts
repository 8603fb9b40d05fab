/*
 * Which pieces of a Taskfile's code make each of its tasks, as it is kept beside its bundle (`<Taskfile>.code.json`). Made by graph.ts when the
 * Taskfile is bundled.
 */
import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { bundleFolder } from '../manifest.ts'

/** A piece of code, or a name, which is only there for what it uses. Numbers are places in the list of nodes. */
export type CodeNode = {
  /** As esbuild names it: relative to the Taskfile's folder. */
  file?: string
  name?: string
  digest?: string
  uses: number[]
  /** The names of tasks that it needs, where it is a task. */
  needs?: number[]
  /** It may reach any task. */
  any?: true
}

/** Where the code of an export begins; `members` are those of an object or namespace. `isTask`: its needs count by what they leave. */
export type CodeRoot = { node: number; isTask?: true | boolean; members?: Record<string, CodeRoot> }

/** The code of a bundle in pieces. */
export type CodeGraph = {
  /** The bundle's file. */
  output: string
  nodes: readonly CodeNode[]
  /** What counts for all tasks. */
  always: readonly number[]
  /** A digest of the order in which that is loaded. */
  order: string
  roots: Readonly<Record<string, CodeRoot>>
}

/** The path of the code's graph of a Taskfile. */
export const codeGraphPath = (taskfile: string): string =>
  join(bundleFolder(dirname(taskfile)), `${basename(taskfile)}.code.json`)

/** The graph of the bundle in this file; undefined where there is none. */
export function readCodeGraph(taskfile: string, output: string): CodeGraph | undefined {
  try {
    const graph = JSON.parse(readFileSync(codeGraphPath(taskfile), 'utf8')) as CodeGraph
    return graph.output === output ? graph : undefined
  } catch {
    return undefined
  }
}

/**
 * The pieces of code that are reached from some nodes; undefined where they may reach any task.
 *
 * @param task one whose needs are left out, as long as nothing else uses it
 */
export function reach(nodes: readonly CodeNode[], from: readonly number[], task?: number): number[] | undefined {
  const seen = new Set(from)
  const found = new Set<number>()
  let isOpen = false
  const visit = (at: number): void => {
    const { uses, needs = [], digest, any } = nodes[at] as CodeNode
    if (digest !== undefined) found.add(at)
    if (any) isOpen = true
    for (const next of uses) seen.add(next)
    for (const next of needs) seen.add(next)
  }
  if (task !== undefined) {
    const { uses, any } = nodes[task] as CodeNode
    found.add(task)
    if (any) isOpen = true
    for (const next of uses) seen.add(next)
  }
  // A set that grows is gone through to its new end.
  for (const at of seen) visit(at)
  return isOpen ? undefined : [...found].sort((one, other) => one - other)
}

/** The pieces that make the task at a path of exports (`['default', 'db', 'migrate']`), without what counts for all; undefined where that is not known. */
export function codeOfExport(graph: CodeGraph, path: readonly string[], withNeeds = false): number[] | undefined {
  const [first = '', ...rest] = path
  let root = own(graph.roots, first)
  for (const name of rest) {
    if (root?.members === undefined) break
    root = own(root.members, name)
  }
  if (root === undefined) return undefined
  return root.isTask && !withNeeds ? reach(graph.nodes, [], root.node) : reach(graph.nodes, [root.node])
}

/** A record of those that are there. */
export const isPlain = (members: readonly [string, CodeRoot | undefined][]): Record<string, CodeRoot> =>
  Object.fromEntries(members.filter((one): one is [string, CodeRoot] => one[1] !== undefined))

const own = <Value>(members: Readonly<Record<string, Value>>, name: string): Value | undefined =>
  Object.hasOwn(members, name) ? members[name] : undefined
