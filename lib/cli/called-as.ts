import { accessSync, constants, existsSync, realpathSync } from 'node:fs'
import { basename, delimiter, dirname, isAbsolute, join, relative } from 'node:path'
import { findTaskfile } from '../task/find.ts'
import { quoteWord } from '../task/shell-quote.ts'

/** How this process was started. */
export type Call = {
  /** The script that Node runs, absolute, links not followed: `process.argv[1]`. */
  script: string
  env: Readonly<Record<string, string | undefined>>
  /** Where it was called. */
  folder: string
  /** `--workspace`, or the folder above the script of a workspace. */
  workspace?: string | undefined
}

const commands = ['task', 'vital-ops']

/**
 * The words by which `task` can be typed again in the same folder: `task` where that is the one on the PATH, `npx task` behind npx and npm's scripts,
 * else the path of the script. A script of a workspace (`bin/deploy-production`) stands for the command that the workspace has. Names the workspace
 * where the folder would not lead to it.
 */
export function calledAs({ script, env, folder, workspace }: Call): string {
  const elsewhere =
    workspace !== undefined && env.OPS_WORKSPACE === undefined && existsSync(workspace) && !leadsTo(folder, workspace)
  const flag = elsewhere ? ` --workspace ${quoteWord(pathFrom(folder, workspace))}` : ''
  return `${program(script, env, folder, workspace)}${flag}`
}

function program(script: string, env: Call['env'], folder: string, workspace: string | undefined): string {
  const name = basename(script)
  // npm says so itself (https://docs.npmjs.com/cli/v11/using-npm/scripts#environment); its PATH is not that of the caller's shell.
  const byNpm = env.npm_command === 'exec' || (Boolean(env.npm_command) && script.includes('/node_modules/.bin/'))
  if (byNpm) return `npx ${commands.includes(name) ? name : 'task'}`
  if (commands.includes(name)) return onPath(name, script, env.PATH) ? name : quoteWord(pathFrom(folder, script))
  const beside = [join(dirname(script), 'task'), ...(workspace ? [join(workspace, 'bin/task')] : [])]
  const installed = workspace === undefined ? [] : [join(workspace, 'node_modules/.bin/task')]
  const found = [...beside, ...installed].find((path) => existsSync(path))
  return found === undefined ? 'npx task' : quoteWord(pathFrom(folder, found))
}

/** Whether the first program of that name on the PATH is this script. */
function onPath(name: string, script: string, path = ''): boolean {
  const first = path
    .split(delimiter)
    .filter((entry) => isAbsolute(entry))
    .map((entry) => join(entry, name))
    .find(isProgram)
  return first !== undefined && realPath(first) === realPath(script)
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** A path as it is typed in a folder: `./bin/task`, or absolute where that is shorter. */
function pathFrom(folder: string, path: string): string {
  const short = relative(folder, path)
  if (short === '') return '.'
  if (short.startsWith('..')) return short.length < path.length ? short : path
  return `./${short}`
}

const leadsTo = (folder: string, workspace: string): boolean => {
  const found = findTaskfile(folder)
  return found.ok && realPath(dirname(found.value)) === realPath(workspace)
}

const realPath = (path: string): string => (existsSync(path) ? realpathSync(path) : path)
