import { createRequire, isBuiltin } from 'node:module'
import { transform } from 'esbuild'

const require = createRequire(import.meta.url)

/** What gives bundled CommonJS files, which call `require`, one in a module. */
export const requireBanner =
  "import { createRequire as __opsCreateRequire } from 'node:module'; const require = __opsCreateRequire(import.meta.url);"

/**
 * Turns a bundle, a module with its source map inline, into CommonJS, which starts without Node's loader of modules. Undefined where that would
 * change what the Taskfile does, or how its errors are told: it awaits at the top, imports by a computed name, or imports a name that is not there.
 *
 * @param own the files of this package that stand for specifiers; all other imports must be Node's own modules
 */
export async function toCommonJs(
  code: string,
  own: Readonly<Record<string, string>>,
): Promise<{ code: string; map: string } | undefined> {
  const text = code.replace(requireBanner, '')
  if (/\bimport\.meta\b/.test(text) || !importsExist(text, own)) return undefined
  try {
    const made = await transform(text, {
      format: 'cjs',
      platform: 'node',
      target: 'node20.12',
      supported: { 'dynamic-import': false },
      sourcemap: 'external',
      charset: 'utf8',
      legalComments: 'none',
      logLevel: 'silent',
    })
    return /__toESM\(require\((?!["'])/.test(made.code) ? undefined : { code: made.code, map: made.map }
  } catch {
    // It awaits at the top.
    return undefined
  }
}

/** Whether all names that are imported exist: CommonJS would give undefined, a module is refused with the name. */
function importsExist(text: string, own: Readonly<Record<string, string>>): boolean {
  for (const [, names = '', specifier = ''] of text.matchAll(
    /^import\b[^"';{]*(?:\{([^}]*)\})?[^"';]*"([^"\n]+)";$/gm,
  )) {
    const path = own[specifier] ?? (isBuiltin(specifier) ? specifier : undefined)
    if (path === undefined) return false
    const known = require(path) as object
    for (const one of names.split(',')) {
      const name = one.trim().split(/\s+as\s+/)[0] ?? ''
      if (name !== '' && name !== 'default' && !(name in known)) return false
    }
  }
  return true
}
