import type { WorkspaceTexts } from '../../../lib/validate/files.ts'
import { baseWorkspace } from '../base-workspace.ts'

/** One change of the base workspace: `from` becomes `to`, or the file is `text` (undefined: it is removed). */
export type Edit = { file: string; from: string; to: string } | { file: string; text: string | undefined }

/** A workspace that is broken, and every failure that it has: place, code and nearest name; the line; the caret. */
export type BrokenWorkspace = {
  name: string
  edits: Edit[]
  expected: (readonly [head: string] | readonly [head: string, source: string, caret: string])[]
}

/** The base workspace with a case's edits. Throws when an edit does not apply. */
export function broken(edits: readonly Edit[]): WorkspaceTexts {
  const texts = new Map(baseWorkspace)
  for (const edit of edits) {
    if ('from' in edit) {
      const text = texts.get(edit.file)
      if (!text?.includes(edit.from)) throw new Error(`${edit.file} has no ${JSON.stringify(edit.from)}`)
      texts.set(
        edit.file,
        text.replace(edit.from, () => edit.to),
      )
    } else if (edit.text === undefined) texts.delete(edit.file)
    else texts.set(edit.file, edit.text)
  }
  return texts
}
