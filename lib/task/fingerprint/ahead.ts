/*
 * A look at inputs that was begun ahead (lib/cli/look-ahead.ts), while the rest of this program was loaded: for who looks at them first. What was begun
 * before something has run does not count afterwards (`dropAhead`).
 */
import type { Finder, Look as FinderLook } from '../../system/find-states.ts'
import type { Look } from './stat-cache-file.ts'

/** What was begun. */
export type Ahead = { look: Look; finder: Finder }

let ahead: Ahead | undefined
/** What it was begun for has happened: it looks once more when somebody asks. */
let isUsed = false
/** The look of the most files that was asked for. */
let most: { look: Look; count: number } | undefined

/** Says what was begun. */
export function expectAhead(begun: Ahead | undefined): void {
  ahead = begun
  isUsed = false
}

/** A look, and whether it was begun ahead. */
export type LookHere = FinderLook & { isAhead: boolean; stop(): void }

/**
 * A look at these files: the one that was begun, where that still counts, else one that begins now.
 *
 * @param begin has somebody look who was not asked before
 */
export function lookOnce(look: Look, count: number, begin: () => Finder): LookHere {
  if (most === undefined || count > most.count) most = { look, count }
  const known = ahead !== undefined && isSame(ahead.look, look) ? ahead.finder : undefined
  const isAhead = known !== undefined && !isUsed
  if (known !== undefined && (isAhead || known.again())) {
    isUsed = true
    return { ...known.look(), isAhead, stop: () => known.stop() }
  }
  const finder = begin()
  const found = finder.look()
  // One is kept, for who looks at the same once more.
  if (ahead === undefined) [ahead, isUsed] = [{ look, finder }, true]
  else void found.found.then(() => finder.end())
  return { ...found, isAhead, stop: () => finder.stop() }
}

/** What was begun does not count any more: something is about to run that may write files. */
export function dropAhead(): void {
  // Who looks for somebody goes on.
  if (!isUsed) ahead?.finder.stop()
  isUsed = true
}

/** What would have been worth beginning. */
export const worthAhead = (): Look | undefined => most?.look

const isSame = (one: Look, other: Look): boolean =>
  one.folder === other.folder && one.files.join() === other.files.join()
