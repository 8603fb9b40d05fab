/*
 * Tasks with very many inputs: for a command line that was used before, the look at them begins with the first thing that this program does, beside
 * loading the rest of it. Which files that are stands in `.ops/cache/ahead/<words>`.
 */
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { findStates } from '../system/find-states.ts'
import type { Ahead } from '../task/fingerprint/ahead.ts'

type Look = Ahead['look']

const caches = '.ops/cache'

/** Begins to look at what these words have looked at the last time, in this folder; undefined where that is not known. */
export function lookAhead(argv: readonly string[]): Ahead | undefined {
  const name = nameOf(argv)
  if (name === undefined) return undefined
  try {
    const look = JSON.parse(readFileSync(`${caches}/ahead/${name}`, 'utf8')) as Look
    const looks = `${process.cwd()}/${caches}/looks`
    const lists = look.files.map((file) => `${looks}/${file}`)
    return { look, finder: findStates(lists, look.folder, `${looks}/found`) }
  } catch {
    return undefined
  }
}

/** Notes for the next time what is worth looking at ahead. `begun` is what was, this time. */
export function noteAhead(workspace: string, argv: readonly string[], look: Look | undefined, begun?: Look): void {
  const name = nameOf(argv)
  // From another folder, nobody would find it.
  if (name === undefined || workspace !== process.cwd()) return
  const text = JSON.stringify(look)
  if (text === JSON.stringify(begun)) return
  const folder = `${workspace}/${caches}/ahead`
  const temporary = `${folder}/${name}.${process.pid}`
  try {
    if (text === undefined) {
      rmSync(`${folder}/${name}`, { force: true })
      return
    }
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    writeFileSync(temporary, text, { mode: 0o600 })
    renameSync(temporary, `${folder}/${name}`)
  } catch {
    // It is only sooner or later.
  }
}

/** What stands for words in the name of a file: names of tasks alone, for values may be secret. */
function nameOf(argv: readonly string[]): string | undefined {
  const text = argv.join('+')
  return text.length <= 100 && argv.every((word) => /^[a-z\d][\w:.-]*$/i.test(word)) ? text : undefined
}
