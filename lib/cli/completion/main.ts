import { kebabCase } from '../../task/arguments.ts'
import { findTaskfile, namedTaskfile } from '../../task/find.ts'
import { loadTaskfile } from '../../task/load.ts'
import { summarize } from '../../task/summary.ts'
import type { LoadedTasks } from '../../task/table.ts'
import { writeAll } from '../standard-streams.ts'
import { startWords } from '../start-words.ts'
import { type Completion, completeWords, completionText, startingWith } from './complete.ts'

/** Answers a shell that asks for completions where the Taskfile has to be loaded for it. What goes wrong is not said: somebody is typing. */
async function complete(): Promise<void> {
  const asked = startWords(process.argv.slice(2), process.env)
  const named = asked?.taskfile ?? asked?.workspace
  const found = named === undefined ? findTaskfile(process.cwd()) : namedTaskfile(named)
  const loaded = found.ok ? await loadTaskfile(found.value, { listing: true }) : found
  const tasks = loaded.ok ? summarize(loaded.value) : []
  const spellings = loaded.ok ? loaded.value.entries.map((entry) => entry.spellings) : []
  const completion = completeWords(asked?.words ?? [], { tasks, spellings })
  writeAll(1, completionText(loaded.ok ? await withCandidates(completion, loaded.value) : completion))
}

/** Adds what the argument itself gives; it may be slow, but not for longer than somebody waits. */
async function withCandidates(completion: Completion, table: LoadedTasks): Promise<Completion> {
  const { candidatesOf, candidates } = completion
  if (!candidatesOf) return completion
  const { task, argument, prefix, typed } = candidatesOf
  const args = table.find(task)?.definition.args ?? {}
  const key = summaryKey(args, argument)
  const values = key === undefined ? undefined : args[key]?.specification.values
  const late = new Promise<readonly string[]>((resolve) => setTimeout(() => resolve([]), 3000))
  const given = await Promise.race([Promise.resolve(values?.() ?? []), late])
  const more = startingWith(
    typed,
    given.map((value: string) => ({ value })),
  ).candidates.map(({ value }) => ({ value: prefix + value }))
  return { ...completion, candidates: [...candidates, ...more] }
}

/** The name in `args` of an argument that is named as on the command line. */
const summaryKey = (args: object, name: string): string | undefined =>
  Object.keys(args).find((key) => kebabCase(key) === name)

complete().then(
  () => process.exit(0),
  () => process.exit(1),
)
