import { choice, flag } from '../../task/arguments.ts'
import { builtIn } from '../built-in.ts'
import { installCompletion, ownShell, uninstallCompletion } from '../completion/install.ts'
import { completionScripts, shells } from '../completion/scripts.ts'
import type { Ending } from '../report.ts'

/** `task completion [bash|zsh|fish] [--install|--uninstall]`. */
export const completion = builtIn({
  details:
    'Names, commands, flags and values are completed. Without a flag the script is printed, for `source <(task completion bash)`; --install puts it where the shell finds it, and names it in your .bashrc or .zshrc.',
  args: {
    shell: choice([...shells])
      .positional()
      .optional()
      .describe('default is yours, by SHELL'),
    install: flag().describe('put it where the shell finds it'),
    uninstall: flag().describe('take it away again'),
  },
  async run({ args }): Promise<Ending> {
    const shell = args.shell ?? ownShell(process.env)
    if (shell === undefined) {
      const message = `say for which shell: ${shells.join(', ')}`
      return { outcome: 'usage', failures: [{ code: 'missing-argument', message, outcome: 'usage' }] }
    }
    if (args.install && args.uninstall) {
      const message = '--install and --uninstall exclude each other'
      return { outcome: 'usage', failures: [{ code: 'invalid-value', message, outcome: 'usage' }] }
    }
    if (!args.install && !args.uninstall) {
      const script = completionScripts[shell]
      return { outcome: 'done', text: script, json: { shell, script } }
    }
    const files = await (args.install ? installCompletion : uninstallCompletion)(shell, process.env)
    const nothing = args.install
      ? `completion for ${shell} is installed already\n`
      : `there is no completion for ${shell}\n`
    const told = files.map((file) => `${args.install ? 'wrote' : 'cleared'} ${file}\n`).join('')
    const next = args.install && files.length > 0 ? `next:\n  exec ${shell}\n` : ''
    return { outcome: 'done', text: files.length === 0 ? nothing : told + next, json: { shell, files } }
  },
})
