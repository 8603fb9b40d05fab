import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'

const ofOwnMaking = /\bcreateRequire\b/
/** A call with one relative path: `require('./x.cjs')`, `createRequire(import.meta.url)('./x.cjs')`. */
const calls = /[\w$)]\s*\(\s*(['"`])(\.{1,2}\/[^'"`\n]+)\1\s*[,)]/g

/**
 * The files that code loads by a `require` of its own making (`createRequire`), and those that they load in turn: a bundler does not follow them.
 * One too many does no harm: a call that only looks like it names a file that is there. Paths that are computed are not found.
 */
export function requiredFiles(path: string, text: string): string[] {
  if (!ofOwnMaking.test(text)) return []
  const found = new Set<string>()
  const follow = (from: string, code: string): void => {
    const { resolve } = createRequire(from)
    for (const [, , specifier = ''] of code.matchAll(calls)) {
      const file = resolved(resolve, specifier)
      if (file === undefined || found.has(file) || file === path) continue
      found.add(file)
      if (/\.[cm]?js$/.test(file)) follow(file, readFileSync(file, 'utf8'))
    }
  }
  follow(path, text)
  return [...found]
}

function resolved(resolve: NodeJS.RequireResolve, specifier: string): string | undefined {
  try {
    return resolve(specifier)
  } catch {
    return undefined
  }
}
