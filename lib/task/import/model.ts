import type { Result } from '../../model/failure.ts'

/** What a draft could not take over from its source. */
export type Loss = {
  /** Line in the source, from 1. */
  line: number
  /** The file, when it is another one than was asked for (an included one). */
  file?: string
  /** What stands there. */
  what: string
  why: string
}

/**
 * A value that stands in the text of a command. `code` is a JavaScript expression.
 *
 *   word    a string that is one word of a command
 *   words   a string that the shell cuts into words, none for an empty one
 *   loose   a string that most likely is one word: cut into words where it stands alone, one word within another
 *   list    an array, each one word
 *   text    a string that may be anything, also shell code
 */
export type Insert = {
  code: string
  shape: 'word' | 'words' | 'loose' | 'list' | 'text'
  /** The name by which a script gets it as a variable, for what a user types: it never becomes a part of the script's code. */
  param?: string
}

/** Text of a command with the values in it. */
export type Parts = readonly (string | Insert)[]

/** An argument of a drafted task: its name in `args`, and the code of its builder. */
export type DraftArgument = { key: string; code: string }

/** A drafted task. */
export type DraftTask = {
  /** As it is called in the source. */
  name: string
  line: number
  description?: string
  group?: string
  hidden?: boolean
  aliases?: readonly string[]
  args?: readonly DraftArgument[]
  /** Code of each need by its key: `build`, `build.with({ target: 'image' })`. */
  needs?: readonly { task: string; input?: string }[]
  inputs?: readonly string[]
  outputs?: readonly string[]
  /** Code of the question. */
  confirm?: string
  /** Names of further members of the definition, and their code. */
  more?: readonly { key: string; code: string }[]
  /** Lines of code of `run`. */
  body: readonly string[]
  /** What of it could not be taken over: stands as comments above it. */
  losses: readonly Loss[]
}

/** A drafted Taskfile. */
export type Draft = {
  /** Name of the source, for the first line. */
  source: string
  /** The shell of most lines, with its options, without `-c`. */
  shell: readonly string[]
  /** Comments at the top, without `//`. */
  notes: readonly string[]
  /** Code between the imports and the tasks. */
  constants: readonly string[]
  tasks: readonly DraftTask[]
  /** The name of the one that runs when none is named; only where it is one of `tasks`. */
  preset?: string | undefined
  /** Losses that belong to no task. */
  losses: readonly Loss[]
}

/** A drafted Taskfile, and what it could not take over. */
export type Drafted = { text: string; tasks: number; losses: readonly Loss[] }

/** What is read beside the source: included files, by their paths relative to it; undefined when there is none. */
export type ReadBeside = (path: string) => string | undefined

/** Drafts a Taskfile from the content of a file; `source` is its name in messages. */
export type Importer = (content: string, source: string, beside: ReadBeside) => Result<Drafted>
