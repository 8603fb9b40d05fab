import { existsSync, readFileSync } from 'node:fs'
import { dirname, join, posix, relative } from 'node:path'
import { globSync } from 'tinyglobby'
import { type Import, importsOf, type Scanned, scan } from './scan.ts'

/** A source file; `path` is relative to the root, with slashes. */
export type SourceFile = { path: string; source: Scanned; imports: Import[]; targets: Target[] }

/** An import of another source file, `to`. */
export type Target = Import & { to: string }

/** A broken rule and where. */
export type Violation = { rule: string; path: string; line: number; text: string }

/** Reads all source files below lib/ and tasks/ of a root folder. */
export function readSources(root: string): SourceFile[] {
  const paths = globSync(['lib/**/*.{ts,mjs}', 'tasks/**/*.{ts,mjs}'], { cwd: root, ignore: '**/*.d.ts' }).sort()
  return paths.map((path) => {
    const source = scanned(root, path)
    const imports = importsOf(source)
    return { path, source, imports, targets: imports.flatMap((one) => targetOf(root, path, one)) }
  })
}

function scanned(root: string, path: string): Scanned {
  try {
    return scan(readFileSync(join(root, path), 'utf8'))
  } catch (error) {
    throw new Error(`${path}: the architecture test cannot read it`, { cause: error })
  }
}

function targetOf(root: string, path: string, one: Import): Target[] {
  if (!one.specifier.startsWith('.')) return []
  const to = posix.join(dirname(path), one.specifier)
  return existsSync(join(root, to)) ? [{ ...one, to: relative('.', to) }] : []
}
