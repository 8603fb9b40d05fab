import { type Loader, transform } from 'esbuild'
import { sha256 } from './bundle-cache.ts'

/**
 * A digest of a file's code that types, comments and the way it is laid out do not change: none of them changes what it does. Undefined for what
 * does not compile; who bundles it says so.
 */
export async function codeDigest(text: string, loader: Loader): Promise<string | undefined> {
  try {
    const { code } = await transform(text, {
      loader,
      target: 'node20.12',
      minifyWhitespace: true,
      legalComments: 'none',
      logLevel: 'silent',
      tsconfigRaw: '{}',
    })
    return sha256(code)
  } catch {
    return undefined
  }
}
