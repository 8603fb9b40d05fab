import type { BuiltIn } from './built-in.ts'
import type { BuiltInName } from './builtins.ts'

/** Where the code of each word of `task` itself is; loaded when the word is used. */
export const builtInModules: Readonly<Record<BuiltInName, () => Promise<BuiltIn>>> = {
  runs: async () => (await import('./words/runs.ts')).runs,
  graph: async () => (await import('./words/graph.ts')).graph,
  cache: async () => (await import('./words/cache.ts')).cache,
  import: async () => (await import('./words/import.ts')).importWord,
  which: async () => (await import('./words/which.ts')).which,
  completion: async () => (await import('./words/completion.ts')).completion,
  shim: async () => (await import('./words/shim.ts')).shim,
}
