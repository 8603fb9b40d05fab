import { existsSync, lstatSync, mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join, resolve } from 'node:path'
import type { Failure } from '../../model/failure.ts'
import { removeTree, writeFileAtomic } from '../../system/files.ts'
import { flag, path } from '../../task/arguments.ts'
import { builtIn } from '../built-in.ts'
import type { Ending } from '../report.ts'

const mark = '# Made by: task shim'

/**
 * Finds the command of the nearest package above the folder in which it is called, as npx does, but without npx's half second; elsewhere the one
 * by which it was made.
 */
const shimScript = (own: string): string => `#!/bin/sh
${mark}
at=$PWD
while :; do
  for found in "$at/node_modules/.bin/task" "$at/node_modules/vital-ops/dist/start.cjs"; do
    [ -x "$found" ] && exec "$found" "$@"
  done
  [ "$at" = / ] && break
  at=\${at%/*}
  at=\${at:-/}
done
if [ -x ${quoted(own)} ]; then exec ${quoted(own)} "$@"; fi
echo "task: no vital-ops is installed here or above; type: npm install --save-dev vital-ops" >&2
exit 127
`

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/** `task shim [--folder DIR] [--remove]`: a `task` for the PATH. */
export const shim = builtIn({
  details:
    'Writes a small script named task, which starts the task of the project that you stand in. npx does that, too, but takes many times longer.',
  args: {
    folder: path().optional().describe('where it is put; default is ~/.local/bin'),
    remove: flag().describe('take it away again'),
  },
  async run({ args }): Promise<Ending> {
    const folder = args.folder ?? join(homedir(), '.local', 'bin')
    const file = join(folder, 'task')
    const isOurs = existsSync(file) && !lstatSync(file).isDirectory() && readFileSync(file, 'utf8').includes(mark)
    if (existsSync(file) && !isOurs) {
      const failure: Failure = {
        code: 'file-exists',
        message: `${file} is another program's; nothing was changed`,
        next: ['task shim --folder DIR'],
        outcome: 'unchanged',
      }
      return { outcome: 'unchanged', failures: [failure] }
    }
    if (args.remove) {
      if (isOurs) await removeTree(file)
      return { outcome: 'done', text: isOurs ? `removed ${file}\n` : `there is no ${file}\n`, json: { file } }
    }
    const own = resolve(process.argv[1] as string)
    mkdirSync(folder, { recursive: true })
    await writeFileAtomic(file, shimScript(own), { mode: 0o755 })
    const { PATH: places = '' } = process.env
    const isFound = places.split(delimiter).some((place) => resolve(place || '.') === resolve(folder))
    const hint = isFound
      ? ''
      : `${folder} is not on your PATH; add to your shell's settings:\n  export PATH="${folder}:$PATH"\n`
    return { outcome: 'done', text: `wrote ${file}\n${hint}`, json: { file, onPath: isFound } }
  },
})
