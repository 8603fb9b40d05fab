import type { Importer } from './model.ts'

/** The files that can be imported. */
export type SourceKind = 'package.json' | 'justfile' | 'Taskfile.yml' | 'Makefile'

/** The kind of a file by its name; undefined for one that cannot be imported. */
export function kindOf(path: string): SourceKind | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1)
  if (name === 'package.json') return 'package.json'
  if (/^\.?justfile$/i.test(name) || /\.just$/i.test(name)) return 'justfile'
  if (/^taskfile(\.dist)?\.ya?ml$/i.test(name)) return 'Taskfile.yml'
  if (/^(GNU)?makefile$/i.test(name) || /\.(mk|mak|make)$/i.test(name)) return 'Makefile'
  return undefined
}

/** The importers, each loaded when it is used. */
export const importers: Readonly<Record<SourceKind, () => Promise<Importer>>> = {
  'package.json': async () => (await import('./package-json.ts')).draftFromPackage,
  justfile: async () => (await import('./justfile.ts')).draftFromJustfile,
  'Taskfile.yml': async () => (await import('./go-task.ts')).draftFromGoTask,
  Makefile: async () => (await import('./makefile.ts')).draftFromMakefile,
}
