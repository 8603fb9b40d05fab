import { setFlagsFromString } from 'node:v8'

/** How many bytes of bytecode a function runs before V8 looks whether to optimise it; 67,584 by default in Node 20. */
const budget = 2_000_000

/** The versions of Node whose V8 knows the flag; another one would complain on stderr. */
const known = ['20', '22', '24']

/**
 * Lets V8 wait longer before it compiles functions anew for speed. It does that in other threads, which take a core from a run of some thousand
 * tasks that do little, and are ready when that has ended. What computes for more than a few dozen milliseconds is compiled all the same.
 */
export function optimizeLater(): void {
  const [major = ''] = process.versions.node.split('.')
  if (known.includes(major)) setFlagsFromString(`--interrupt-budget=${budget}`)
}
