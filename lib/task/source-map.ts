import { readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { dirname, resolve } from 'node:path'

/** The maps of bundles by the bundles' paths; a path of a map until it is first needed. */
const maps = new Map<string, string | SourceMap>()

/**
 * Lets the stacks of errors point into the sources of a bundle. Node's own way (`process.setSourceMapsEnabled`) reads the map at every
 * start; here it is read when the first stack is. Stacks of other files stay as V8 writes them.
 *
 * @param bundle the path of the bundle
 * @param map the path of its source map
 */
export function mapStacks(bundle: string, map: string): void {
  maps.set(bundle, map)
  Error.prepareStackTrace = (error, frames) =>
    [titleOf(error), ...frames.map((frame) => `    at ${mapped(frame)}`)].join('\n')
}

function mapped(frame: NodeJS.CallSite): string {
  const text = String(frame)
  const file = frame.getFileName() ?? ''
  const [line, column] = [frame.getLineNumber(), frame.getColumnNumber()]
  const map = mapOf(file)
  if (map === undefined || line === null || column === null) return text
  const found = map.findEntry(line - 1, column - 1) as { originalSource?: string } & Record<string, number>
  if (found.originalSource === undefined) return text
  const source = resolve(dirname(file), found.originalSource)
  const place = `${source}:${(found.originalLine ?? 0) + 1}:${(found.originalColumn ?? 0) + 1}`
  return text.replace(`${file}:${line}:${column}`, () => place)
}

/** The map of a bundle; undefined for another file, and where the map cannot be read: the stack is needed then all the more. */
function mapOf(file: string): SourceMap | undefined {
  const known = maps.get(file)
  if (typeof known !== 'string') return known
  try {
    const map = new SourceMap(JSON.parse(readFileSync(known, 'utf8')))
    maps.set(file, map)
    return map
  } catch {
    maps.delete(file)
    return undefined
  }
}

/** The first line of a stack, as V8 has it; an error may have any kind of name and message. */
function titleOf(error: Error): string {
  try {
    return Error.prototype.toString.call(error)
  } catch {
    return 'Error'
  }
}
