import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { failed, ok, type Result } from '../model/failure.ts'
import { writeFileAtomic } from '../system/files.ts'
import { taskfileNames } from './find.ts'

const starter = `import { flag, task, text } from 'vital-ops'

export const hello = task({
  description: 'Greet somebody: task hello Ada --loud',
  args: {
    name: text().positional().default('world').describe('who is greeted'),
    loud: flag().alias('l').describe('in capitals'),
  },
  async run({ args, $ }) {
    const greeting = \`Hello, \${args.name}!\`
    // What is interpolated is one argument of the command, whatever it holds.
    await $\`echo \${args.loud ? greeting.toUpperCase() : greeting}\`
  },
})

export const check = task({
  description: 'All that has to hold before a push',
  needs: { hello },
  async run({ log }) {
    log('hello has run before this, and at the same time as other needs')
  },
})
`

/** Writes a Taskfile.ts to begin with into a folder; never over an existing Taskfile. Gives its path. */
export async function writeStarter(folder: string): Promise<Result<string>> {
  const existing = taskfileNames.map((name) => join(folder, name)).find((path) => existsSync(path))
  if (existing !== undefined) {
    return failed({
      code: 'taskfile-exists',
      message: `${existing} exists already; nothing was written`,
      next: ['task --list'],
      outcome: 'unchanged',
    })
  }
  const path = join(folder, 'Taskfile.ts')
  await writeFileAtomic(path, starter)
  return ok(path)
}
