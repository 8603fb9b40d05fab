import { runScript } from './run-script.ts'

/** A pack, see lib/build/pack.mjs: it runs its modules, and hands over how to get the exports of each file of the build that it has. */
type Pack = (
  require: (specifier: string) => unknown,
  filename: string,
  folder: string,
  packed: (files: Readonly<Record<string, () => object>>, elsewhere: Readonly<Record<string, string>>) => void,
  importModule: (specifier: string) => Promise<unknown>,
  performance: { now(): number },
) => void

/** How to get the exports of a packed file, and what was asked for of its pack. */
type PackedExports = { exports: () => object; asked: Set<string> }

/** What Node gives a CommonJS file. Taken from there: `node:module` loads Node's loader of modules. */
export type Scope = { require: NodeJS.Require; folder: string }

/** Stands for `performance` in the pack, with less than a millisecond between the two: making that takes one. */
const clock = { now: () => process.uptime() * 1000 }

/**
 * Loads the pack `pack.cjs`, and the others when something of theirs is asked for; gives the exports of a file of the build, be it packed or not. Whoever
 * else requires a packed file by its path gets the same, without that file being read.
 *
 * @param scope of a file in the packs' folder (dist/)
 */
export function loadPacked({ require: own, folder }: Scope): (name: string) => unknown {
  const files = new Map<string, PackedExports>()
  const known = new Map<string, object>()
  const others = new Map<string, string>()
  const modules = own.cache as unknown as Record<string, PackedFile | undefined>
  const load = (name: string): unknown => {
    const found = known.get(name)
    if (found !== undefined) return found
    const pack = others.get(name)
    if (pack !== undefined && !files.has(name)) run(pack)
    const file = files.get(name)
    if (file === undefined) return own(`${folder}/${name}`)
    file.asked.add(name)
    const made = Object.defineProperty(file.exports(), '__esModule', { value: true })
    known.set(name, made)
    return made
  }
  const publish = (name: string): void => {
    const path = `${folder}/${name}`
    modules[path] ??= new PackedFile(path, load)
  }
  const requireIn = Object.assign(
    (specifier: string): unknown => {
      if (specifier.startsWith('./')) return load(specifier.slice(2))
      // A file of dist that a Taskfile's bundle asks for.
      return specifier.startsWith(`${folder}/`) ? load(specifier.slice(folder.length + 1)) : own(specifier)
    },
    { resolve: own.resolve, cache: own.cache },
  )
  const run = (name: string): void => {
    const file = `${folder}/${name}`
    const asked = new Set<string>()
    // A start that asks for more runs more of the code.
    runScript<Pack>(file, { amount: () => asked.size })(
      requireIn,
      file,
      folder,
      (packed, elsewhere) => {
        for (const one of Object.keys(packed)) {
          files.set(one, { exports: packed[one] as () => object, asked })
          publish(one)
        }
        for (const one of Object.keys(elsewhere)) {
          others.set(one, elsewhere[one] as string)
          publish(one)
        }
      },
      (specifier) => import(specifier),
      clock,
    )
  }
  run('pack.cjs')
  return load
}

/** What Node's cache of modules has for a packed file: `exports` is made when somebody asks for it. */
class PackedFile {
  readonly id: string
  readonly filename: string
  readonly loaded = true
  readonly load: (name: string) => unknown

  constructor(path: string, load: PackedFile['load']) {
    this.id = path
    this.filename = path
    this.load = load
  }

  get exports(): unknown {
    return this.load(this.id.slice(this.id.lastIndexOf('/') + 1))
  }
}
