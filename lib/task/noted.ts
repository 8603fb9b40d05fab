/*
 * Notes: what a command found in a workspace, so that the next one need not read and check all of it again. A note has the state of each file and folder that
 * it was made from, and counts only while all of them certainly are as they were. This module is part of starts: it only reads, and compares.
 */
import { readFileSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { otherCopy } from './find.ts'
import { currentListing, digestOf } from './listing.ts'
import { type FileState, isUnchanged } from './manifest.ts'

/** A note in its file. */
export type NoteFile<Data> = {
  /** The Taskfile, absolute: a copy of the workspace has none of its notes. */
  taskfile: string
  /** See `listingMark`. */
  tasks: string
  /** A digest of the environment variables that count. */
  variables: string | null
  /** Files and folders, relative to the Taskfile's folder or absolute, as they were when the command began; null for what was not there. */
  states: [path: string, state: FileState | null][]
  /** When that was, in milliseconds since the epoch. */
  noted: number
  data: Data
}

/** What a note says, where it certainly holds. */
export function currentNote<Data>(path: string, taskfile: string): Data | undefined {
  let note: NoteFile<Data>
  try {
    note = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    // None, or a torn one: another is made.
    return undefined
  }
  const folder = dirname(taskfile)
  const holds =
    note.taskfile === taskfile &&
    note.variables === countingVariables(process.env) &&
    otherCopy(folder) === undefined &&
    note.tasks === listingMark(taskfile) &&
    note.states.every(([name, state]) => isAsNoted(folder, name, state, note.noted))
  return holds ? note.data : undefined
}

function isAsNoted(folder: string, name: string, state: FileState | null, noted: number): boolean {
  const path = name.startsWith('/') ? name : `${folder}/${name}`
  return state === null
    ? statSync(path, { throwIfNoEntry: false }) === undefined
    : isUnchanged({ path, ...state }, noted)
}

/** What tells whether the tasks of a Taskfile are those that they were; undefined where that is not known without running it. */
export function listingMark(taskfile: string): string | undefined {
  const listing = currentListing(taskfile)
  if (listing === undefined || listing.outside !== undefined) return undefined
  const { output, build, variables, packages } = listing
  return JSON.stringify([output, build, variables, packages])
}

/** A digest of the environment variables that decide what operations find in a workspace. */
export const countingVariables = (env: Readonly<Record<string, string | undefined>>): string | null =>
  digestOf(
    Object.keys(env)
      .filter((name) => name === 'PATH' || name === 'HOME' || name.startsWith('OPS_'))
      .sort()
      .map((name) => `${name}=${env[name]}`)
      .join('\0'),
  )
