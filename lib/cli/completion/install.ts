import { mkdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { errorCode, exists, removeTree, writeFileAtomic } from '../../system/files.ts'
import { completionScripts, type ShellName, shells } from './scripts.ts'

/** Where completion is put for a shell: the script, and the file of the user's own that must name it. */
export type Places = { script: string; settings?: { file: string; block: string } }

const begin = '# >>> vital-ops completion >>>'
const end = '# <<< vital-ops completion <<<'

/** The shell that somebody uses, by SHELL; undefined for one that has no completion here. */
export const ownShell = (env: NodeJS.ProcessEnv): ShellName | undefined => {
  const { SHELL: path = '' } = env
  return shells.find((shell) => shell === basename(path))
}

/** Where completion belongs: fish finds it by its place, bash and zsh have to be told (bash-completion may not be installed). */
export function placesOf(shell: ShellName, env: NodeJS.ProcessEnv): Places {
  const { XDG_DATA_HOME: data, XDG_CONFIG_HOME: config, ZDOTDIR: zsh, HOME: home = homedir() } = env
  if (shell === 'fish') return { script: join(config || join(home, '.config'), 'fish', 'completions', 'task.fish') }
  const script = join(data || join(home, '.local', 'share'), 'vital-ops', `completion.${shell}`)
  const quoted = `'${script.replaceAll("'", "'\\''")}'`
  if (shell === 'bash') {
    return { script, settings: { file: join(home, '.bashrc'), block: `[ -r ${quoted} ] && . ${quoted}` } }
  }
  const load = '(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }'
  return { script, settings: { file: join(zsh || home, '.zshrc'), block: `${load}\n[ -r ${quoted} ] && . ${quoted}` } }
}

/** Puts completion in its place; gives the files that were written. Doing it again changes nothing. */
export async function installCompletion(shell: ShellName, env: NodeJS.ProcessEnv): Promise<string[]> {
  const { script, settings } = placesOf(shell, env)
  const written: string[] = []
  const put = async (file: string, text: string) => {
    if (textOf(file) === text) return
    mkdirSync(dirname(file), { recursive: true })
    await writeFileAtomic(file, text)
    written.push(file)
  }
  await put(script, completionScripts[shell])
  if (settings) {
    const before = withoutBlock(textOf(settings.file) ?? '')
    const gap = before === '' || before.endsWith('\n') ? '' : '\n'
    await put(settings.file, `${before}${gap}${begin}\n${settings.block}\n${end}\n`)
  }
  return written
}

/** Takes it away again; gives the files that were changed or removed. */
export async function uninstallCompletion(shell: ShellName, env: NodeJS.ProcessEnv): Promise<string[]> {
  const { script, settings } = placesOf(shell, env)
  const changed: string[] = []
  if (await exists(script)) {
    await removeTree(script)
    changed.push(script)
  }
  const before = settings && textOf(settings.file)
  if (settings && before !== undefined && withoutBlock(before) !== before) {
    await writeFileAtomic(settings.file, withoutBlock(before))
    changed.push(settings.file)
  }
  return changed
}

/** The text of a file without our block; what stands around it is the user's. */
function withoutBlock(text: string): string {
  const from = text.indexOf(`${begin}\n`)
  const to = text.indexOf(`${end}\n`, from)
  return from < 0 || to < 0 ? text : text.slice(0, from) + text.slice(to + end.length + 1)
}

function textOf(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}
