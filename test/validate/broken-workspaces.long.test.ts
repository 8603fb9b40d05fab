import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { placeText } from '../../lib/log/failure-text.ts'
import { partByNeed, validateWorkspace } from '../../lib/validate/relevance.ts'
import { repository, task } from '../support/index.ts'
import { snapshot, writeWorkspace } from '../system/support/workspace.ts'
import { basePaths } from './base-workspace.ts'
import { type BrokenWorkspace, broken, brokenWorkspaces } from './broken/index.ts'

const taskfile = `import { operations } from 'vital-ops/operations'\n\nexport default operations()\n`

/** A broken workspace on disk, with a Taskfile that finds this package. */
function workspace({ edits }: BrokenWorkspace): string {
  const folder = writeWorkspace(broken(edits))
  writeFileSync(join(folder, 'Taskfile.ts'), taskfile)
  mkdirSync(join(folder, 'node_modules'))
  symlinkSync(repository, join(folder, 'node_modules/vital-ops'))
  return folder
}

/** All files but for the cache that the command keeps of the Taskfile, and what keeps git from it. */
const files = (folder: string) =>
  Object.fromEntries(
    Object.entries(snapshot(folder)).filter(
      ([path]) => !/^\.ops(\/cache.*|\/\.gitignore)?$|^node_modules\//.test(path),
    ),
  )

/** The places of what keeps `dev` from being set up. */
function placesForDev({ edits }: BrokenWorkspace): Set<string> | 'all' {
  const { workspace, failures } = validateWorkspace(broken(edits), { exists: (path) => basePaths.has(path) })
  if (!workspace) return 'all'
  const { errors } = partByNeed(failures, workspace, { environment: 'dev', platform: 'local' })
  return new Set(errors.map(({ place }) => placeText(place ?? { file: '' })))
}

const placeOf = (head: string): string => head.slice(0, head.indexOf(' '))

/** What a person reads of a failure: its place, and the line with the caret below. Lines that are cut for the screen are left out. */
function readable([head, source, caret]: readonly string[]): string[] {
  const place = placeOf(head as string)
  if (source === undefined || caret === undefined || source.length > 100) return [place]
  const number = place.split(':')[1] as string
  const padding = caret.slice(0, -1).replace(/./g, (_, at: number) => (source[at] === '\t' ? '\t' : ' '))
  return [place, `    ${number} | ${source}\n    ${' '.repeat(number.length)} | ${padding}^\n`]
}

for (const workspaceCase of brokenWorkspaces) {
  const { name, expected } = workspaceCase
  const needed = placesForDev(workspaceCase)
  const shown = expected.filter(([head]) => needed === 'all' || needed.has(placeOf(head)))
  // What does not concern dev is shown by the command that looks at everything.
  const [args, status, failures] = shown.length > 0 ? [['setup', 'dev', '--yes'], 3, shown] : [['doctor'], 1, expected]

  test(`${name}: task ${args.join(' ')} shows every mistake, ends with ${status}, and changes nothing`, async () => {
    const folder = workspace(workspaceCase)
    const before = files(folder)
    const ended = await task(args, { cwd: folder })
    const text = ended.stdout + ended.stderr
    assert.is(ended.status, status, text)
    for (const failure of failures)
      for (const part of readable(failure)) assert.ok(text.includes(part), `${part}\nin\n${text}`)
    assert.equal(files(folder), before)
  })
}

test.run()
