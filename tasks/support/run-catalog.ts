import { join } from 'node:path'
import { FailureError, unwrap } from '../../lib/model/failure.ts'
import { listNames, readText, writeFileAtomic } from '../../lib/system/files.ts'
import { checkWorkspace } from '../../lib/system/workspace-files.ts'
import { kebabCase } from '../../lib/task/arguments.ts'
import type { Task, TaskContext, View } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { workspaceFolder } from './session.ts'

/** `task catalog [--check]`: CATALOG.md beside the Taskfile, made from the tasks and the workspace as they are. */
export async function runCatalog(scope: Scope, context: TaskContext & { args: { readonly check: boolean } }) {
  const folder = await workspaceFolder(scope, context)
  const path = join(context.workspaceFolder, 'CATALOG.md')
  const wanted = await catalogText(folder, context)
  const current = (await readText(path)) === wanted
  if (!current && context.args.check) {
    throw new FailureError({
      code: 'catalog-not-current',
      message: 'CATALOG.md is not what the tasks and the workspace are now',
      place: { file: path },
      next: ['task catalog'],
    })
  }
  if (!current) await writeFileAtomic(path, wanted)
  return {
    path,
    changed: !current,
    text: (_view: View) => `${current ? 'CATALOG.md is current' : 'wrote CATALOG.md'}\n`,
  }
}

async function catalogText(folder: string, context: TaskContext): Promise<string> {
  const { workspace } = unwrap(await checkWorkspace(folder))
  const services = [...(workspace?.services.values() ?? [])].map(({ configuration }) => configuration)
  const environments = [...(workspace?.environments.values() ?? [])].map(({ configuration }) => configuration)
  const bin = (await listNames(join(context.workspaceFolder, 'bin'))).filter((name) => !name.includes('.'))
  return [
    '# Catalog',
    '',
    'Made by `task catalog`; a test keeps it current.',
    '',
    '## Tasks',
    '',
    ...rows(
      ['task', 'what it does'],
      context.tasks.names.flatMap((name) => taskRows(name, context.tasks.find(name))),
    ),
    '',
    '## Entry points',
    '',
    ...rows(
      ['command'],
      bin.sort().map((name) => [`\`./bin/${name}\``]),
    ),
    '',
    '## Services',
    '',
    ...rows(
      ['service', 'category', 'depends on', 'what it is'],
      services.map(({ name, category, dependencies, description }) => [
        name,
        category,
        dependencies
          .map((one) => (typeof one === 'string' ? one : `${one.service}${one.optional ? ' (optional)' : ''}`))
          .join(', '),
        description ?? '',
      ]),
    ),
    '',
    '## Environments',
    '',
    ...rows(
      ['environment', 'platform', 'protected', 'what it is'],
      environments.map((one) => [one.name, one.platform, one.protected ? 'yes' : 'no', one.description ?? '']),
    ),
    '',
  ].join('\n')
}

function taskRows(name: string, task: Task | undefined): string[][] {
  if (!task || task.definition.hidden) return []
  const first = task.definition.description?.split('\n')[0] ?? ''
  const commands = Object.entries(task.commands).map(([command, inner]) => [
    `\`task ${name} ${kebabCase(command)}\``,
    inner.definition.description?.split('\n')[0] ?? '',
  ])
  return [[`\`task ${name}\``, first], ...commands]
}

/** A Markdown table. */
const rows = (head: string[], body: string[][]): string[] => [
  `| ${head.join(' | ')} |`,
  `| ${head.map(() => '---').join(' | ')} |`,
  ...body.map((row) => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`),
]
