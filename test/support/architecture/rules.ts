import { cyclesOf } from './cycles.ts'
import type { SourceFile, Violation } from './files.ts'
import { lineAt } from './scan.ts'

/** The groups of folders, in the order of imports: a file imports from its own folder, from earlier groups, and from siblings. */
export type Groups = readonly (readonly string[])[]

/** For each module that does input or output, the files and folders (with a slash at the end) that may import it. */
export type Allowed = Readonly<Record<string, readonly string[]>>

/** Imports go to earlier groups; between the folders of one group in one direction only. Type-only imports count. */
export function importOrder(files: SourceFile[], groups: Groups): Violation[] {
  const rank = new Map(groups.flatMap((folders, index) => folders.map((folder) => [folder, index] as const)))
  const found: Violation[] = []
  const betweenSiblings = new Map<string, Set<string>>()
  for (const { path, targets, imports } of files) {
    const from = folderOf(path)
    const own = rank.get(from)
    if (own === undefined) {
      found.push({
        rule: 'import order',
        path,
        line: 1,
        text: `the folder ${from} has no place in the order of imports`,
      })
      continue
    }
    for (const { to, line, typeOnly } of targets) {
      const folder = folderOf(to)
      const other = rank.get(folder)
      if (folder === from) continue
      if (other === undefined || other > own) {
        found.push({ rule: 'import order', path, line, text: `imports${typeOnly ? ' a type of' : ''} ${to}` })
      } else if (other === own) {
        betweenSiblings.set(from, (betweenSiblings.get(from) ?? new Set()).add(folder))
      }
    }
    for (const { specifier, line } of imports) {
      // Sources are modules: what is CommonJS is made by the build, which fails when it is not there.
      const source = specifier.startsWith('.') && !specifier.endsWith('.cjs')
      const missing = source && !targets.some((target) => target.line === line)
      if (missing) found.push({ rule: 'import order', path, line, text: `imports ${specifier}, which does not exist` })
    }
  }
  for (const cycle of cyclesOf(betweenSiblings)) {
    found.push({ rule: 'siblings', path: cycle[0] ?? '', line: 1, text: `siblings in a cycle: ${cycle.join(' → ')}` })
  }
  return found
}

/** Folders that may import, besides source files, only the listed packages and built-in modules. */
export function packagesOf(files: SourceFile[], only: Readonly<Record<string, readonly string[]>>): Violation[] {
  return files.flatMap(({ path, imports }) => {
    const allowed = only[folderOf(path)]
    if (!allowed) return []
    return imports
      .filter(({ specifier }) => !specifier.startsWith('.') && !allowed.includes(specifier))
      .map(({ specifier, line }) => ({ rule: 'packages', path, line, text: `imports ${specifier}` }))
  })
}

/** No file imports itself through others. Type-only imports count, and are marked. */
export function noCycles(files: SourceFile[]): Violation[] {
  const edges = new Map(files.map(({ path, targets }) => [path, new Set(targets.map(({ to }) => to))]))
  const typeOnly = (from: string, to: string) =>
    files.find(({ path }) => path === from)?.targets.every((target) => target.to !== to || target.typeOnly)
  return cyclesOf(edges).map((cycle) => {
    const way = cycle.map((node, i) =>
      i === 0 ? node : `${typeOnly(cycle[i - 1] ?? '', node) ? '→ (types)' : '→'} ${node}`,
    )
    return { rule: 'cycles', path: cycle[0] ?? '', line: 1, text: way.join(' ') }
  })
}

/** Modules of input and output are imported where the table allows it; a type-only import does nothing. `fetch` is the global function. */
export function inputAndOutput(files: SourceFile[], allowed: Allowed): Violation[] {
  const found: Violation[] = []
  const check = (module: string, path: string, line: number) => {
    const places = allowed[module]
    if (!places || places.some((place) => (place.endsWith('/') ? path.startsWith(place) : path === place))) return
    found.push({ rule: 'input and output', path, line, text: `uses ${module}` })
  }
  for (const { path, imports, source } of files) {
    for (const { specifier, typeOnly, line } of imports) {
      const builtin = specifier.startsWith('node:') ? specifier : `node:${specifier}`
      if (!typeOnly) check(specifier in allowed ? specifier : builtin, path, line)
    }
    for (const match of source.bare.matchAll(/(?<![\w$.])(?:globalThis\.)?fetch\(/g)) {
      if (!/function\s*\*?\s*$/.test(source.bare.slice(0, match.index)))
        check('fetch', path, lineAt(source.bare, match.index))
    }
  }
  return found
}

/** Files outside `except` (folders) neither end the process nor write to its standard streams. */
export function noExitNoPrinting(files: SourceFile[], except: readonly string[]): Violation[] {
  const pattern =
    /(?<![\w$.])(?:process\.(?:exit|abort|reallyExit)\b|process\.exitCode\s*=(?!=)|process\.std(?:out|err)\.write\b|console\.\w+)/g
  return files
    .filter(({ path }) => !except.some((place) => path.startsWith(place)))
    .flatMap(({ path, source: { bare } }) =>
      [...bare.matchAll(pattern)].map((match) => {
        return { rule: 'no exit, no printing', path, line: lineAt(bare, match.index), text: `uses ${match[0]}` }
      }),
    )
}

/** Every exported function, class, type and value has a documentation comment directly above it. Overloads share one. */
export function documented(files: SourceFile[]): Violation[] {
  const pattern =
    /^export (?:default )?(?:declare )?(?:abstract )?(?:async )?(?:function\*?|class|type|interface|const|let) (?![{*])([\w$]+)/gm
  return files.flatMap(({ path, source }) => {
    const found: Violation[] = []
    let documentedBefore = ''
    for (const match of source.bare.matchAll(pattern)) {
      // Directives to the linter may stand in between.
      const above = source.text.slice(0, match.index).replace(/(?<=\n)(?:\/\/.*\n)+$/, '')
      const isComment = source.code.slice(0, above.length).trimEnd().length < above.trimEnd().length
      const isJsdoc = isComment && /\/\*\*(?:(?!\*\/)[\s\S])*\*\/\n$/.test(above)
      const name = match[1] ?? ''
      if (isJsdoc) documentedBefore = name
      else if (documentedBefore !== name) {
        found.push({ rule: 'documentation', path, line: lineAt(source.bare, match.index), text: `${name} has none` })
      }
    }
    return found
  })
}

/** No file has more than `limit` lines, but for those with a reason; a reason that is not needed is a violation too. */
export function size(files: SourceFile[], limit: number, reasons: Readonly<Record<string, string>>): Violation[] {
  const found: Violation[] = []
  for (const { path, source } of files) {
    const lines = source.text.trimEnd().split('\n').length
    const isLong = lines > limit
    if (isLong && !(path in reasons)) found.push({ rule: 'size', path, line: limit + 1, text: `has ${lines} lines` })
    if (!isLong && path in reasons) found.push({ rule: 'size', path, line: 1, text: 'needs no reason to be long' })
  }
  const paths = new Set(files.map(({ path }) => path))
  for (const path of Object.keys(reasons)) {
    if (!paths.has(path))
      found.push({ rule: 'size', path, line: 1, text: 'has a reason to be long and does not exist' })
  }
  return found
}

/** `lib/model`, `tasks`, or for a file directly in lib/ its path. */
function folderOf(path: string): string {
  const [top = '', second = ''] = path.split('/')
  return top === 'lib' ? `lib/${second}` : top
}
