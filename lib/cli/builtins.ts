/** A word of `task` itself, as help and completion show it. Its code is found in `built-in-modules.ts`. */
export type BuiltInWord = {
  /** One line for `task --help`. */
  readonly description: string
}

/**
 * The words of `task` itself. A task of the Taskfile that has the same name wins. Plain data: help and completion read it at no cost.
 * A new word is a line here, a line in `built-in-modules.ts`, and a file in `words/`.
 */
export const builtIns = {
  runs: { description: 'what was run: who, when, how it ended, how long it took' },
  graph: { description: 'what needs what: a tree, or for a program that draws (mermaid, dot, svg, json)' },
  import: { description: 'draft a Taskfile.ts from a Makefile, justfile, Taskfile.yml or package.json' },
  which: { description: 'where a task is defined' },
  cache: { description: 'what is kept of outputs, so that they need not be made again' },
  completion: { description: 'completion in bash, zsh or fish: prints it, or installs it' },
  shim: { description: 'puts a `task` on your PATH that starts that of the project you stand in' },
} as const satisfies Readonly<Record<string, BuiltInWord>>

/** The name of a word of `task` itself. */
export type BuiltInName = keyof typeof builtIns

/** Their names, in the order in which help shows them. */
export const builtInNames = Object.keys(builtIns) as BuiltInName[]

/** Whether a word is one of `task` itself. */
export const isBuiltIn = (word: string | undefined): word is BuiltInName =>
  word !== undefined && Object.hasOwn(builtIns, word)
