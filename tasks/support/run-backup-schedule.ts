import { delimiter, dirname, join, resolve } from 'node:path'
import type { Desired } from '../../lib/model/desired.ts'
import { type Failure, FailureError, unwrap } from '../../lib/model/failure.ts'
import { parseCron } from '../../lib/plan/schedule/cron.ts'
import { crontabLines } from '../../lib/plan/schedule/crontab.ts'
import { backupCronJob } from '../../lib/plan/schedule/kubernetes.ts'
import type { ScheduledCommand } from '../../lib/plan/schedule/scheduled.ts'
import { systemdUnits } from '../../lib/plan/schedule/systemd.ts'
import { ensureFolder, writeFileAtomic } from '../../lib/system/files.ts'
import { findProgram } from '../../lib/system/programs.ts'
import type { TaskContext, View } from '../../lib/task/definition.ts'
import type { Scope } from './flags.ts'
import { openNamed } from './session.ts'

type Kind = 'systemd' | 'cron' | 'kubernetes'

type Arguments = {
  readonly environment: string
  readonly as?: Kind | undefined
  readonly to?: string | undefined
  readonly image?: string | undefined
  readonly secret?: string | undefined
  readonly size: string
}

/** What is scheduled: which words of `task`, when, and what to call it. */
type Job = { what: 'backup' | 'drill'; words: readonly string[]; schedule: string }

/** `task backup schedule` */
export async function runSchedule(scope: Scope, context: TaskContext & { args: Arguments }) {
  const { desired } = await openNamed(scope, context, 'environment')
  const { schedule, drills } = desired.configuration.backup
  const environment = desired.configuredAs
  const jobs: Job[] = [
    { what: 'backup', words: ['backup', environment], schedule },
    { what: 'drill', words: ['backup', 'drill', environment], schedule: drills },
  ]
  for (const job of jobs) unwrap(parseCron(job.schedule))
  const kind = context.args.as ?? usual(desired)
  const files = kind === 'kubernetes' ? inCluster(desired, jobs, context.args) : onMachine(desired, jobs, kind, context)
  const { to } = context.args
  if (to !== undefined) {
    await ensureFolder(to)
    for (const [name, content] of Object.entries(files)) await writeFileAtomic(join(to, name), content, { mode: 0o644 })
  }
  const names = Object.keys(files)
  const next = to === undefined ? [] : installing(kind, resolve(to), names)
  return {
    environment: desired.environment,
    as: kind,
    files: to === undefined ? files : names.map((name) => join(to, name)),
    next,
    text: (_view: View) =>
      to === undefined
        ? Object.entries(files)
            .map(([name, content]) => `# ${name}\n${content}`)
            .join('\n')
        : `${names.map((name) => `wrote ${join(to, name)}`).join('\n')}\nnext:\n${next.map((line) => `  ${line}`).join('\n')}\n`,
  }
}

function usual({ platform }: Desired): Kind {
  if (platform === 'kubernetes') return 'kubernetes'
  return findProgram('systemctl') === undefined ? 'cron' : 'systemd'
}

const nameOf = ({ workspace, environment }: Desired, { what }: Job): string =>
  `${workspace.name}-${environment.replaceAll('@', '-')}-${what}`

const descriptionOf = ({ workspace, environment }: Desired, { what }: Job): string =>
  `${what === 'backup' ? 'Backup' : 'Restore drill'} of ${workspace.name} ${environment}`

function onMachine(
  desired: Desired,
  jobs: readonly Job[],
  kind: 'systemd' | 'cron',
  { workspaceFolder, invocation }: TaskContext,
): Record<string, string> {
  const program = ['node_modules/.bin/task', 'bin/task']
    .map((path) => findProgram(join(workspaceFolder, path)))
    .concat(findProgram('task', invocation.env as NodeJS.ProcessEnv))
    .find((path) => path !== undefined)
  if (program === undefined) throw new FailureError(noProgram(workspaceFolder))
  const path = [...new Set([dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'])].join(delimiter)
  const commandOf = (job: Job): ScheduledCommand => ({
    name: nameOf(desired, job),
    description: descriptionOf(desired, job),
    folder: workspaceFolder,
    argv: [program, ...job.words],
    path,
  })
  if (kind === 'cron') {
    const lines = jobs.map((job) => crontabLines(commandOf(job), job.schedule))
    return { [`${desired.workspace.name}-${desired.environment}.crontab`]: lines.join('') }
  }
  return Object.assign({}, ...jobs.map((job) => systemdUnits(commandOf(job), unwrap(parseCron(job.schedule)))))
}

function inCluster(desired: Desired, jobs: readonly Job[], { image, secret, size }: Arguments): Record<string, string> {
  const { workspace, environment, configuration } = desired
  if (image === undefined) throw new FailureError(noImage(desired.configuredAs))
  const folder = '/workspace'
  const target = configuration.backup.targets.find(({ type }) => type === 'folder')
  const volume = target?.type === 'folder' ? { path: resolve(folder, target.path), size } : undefined
  const files: Record<string, string> = {}
  for (const job of jobs) {
    const made = backupCronJob({
      name: nameOf(desired, job),
      claim: nameOf(desired, jobs[0] as Job),
      namespace: configuration.kubernetes?.namespace ?? workspace.name,
      description: descriptionOf(desired, job),
      schedule: job.schedule,
      image,
      folder,
      argv: ['npx', 'task', ...job.words],
      secret: secret ?? `${workspace.name}-${environment}`,
      ...(volume && { volume }),
      labels: {
        'app.kubernetes.io/name': nameOf(desired, job),
        'app.kubernetes.io/part-of': workspace.name,
        'app.kubernetes.io/managed-by': 'vital-ops',
      },
    })
    files[`${job.what}-job.yaml`] = made.job
    if (made.claim !== undefined) files['backup-pvc.yaml'] = made.claim
  }
  return files
}

/** How the files come to work. */
function installing(kind: Kind, folder: string, names: readonly string[]): string[] {
  if (kind === 'kubernetes') return [`kubectl apply -f ${folder}`]
  if (kind === 'cron') return [`(crontab -l; cat ${names.map((name) => join(folder, name)).join(' ')}) | crontab -`]
  const paths = (end: string) => names.filter((name) => name.endsWith(end)).map((name) => join(folder, name))
  return [
    `sudo systemctl link ${paths('.service').join(' ')}`,
    `sudo systemctl enable --now ${paths('.timer').join(' ')}`,
  ]
}

const noProgram = (folder: string): Failure => ({
  code: 'program-not-found',
  message: `neither ${folder}/node_modules/.bin/task nor ${folder}/bin/task is there, and no task is on the PATH`,
  next: ['npm install'],
  outcome: 'unchanged',
})

const noImage = (environment: string): Failure => ({
  code: 'missing-argument',
  message:
    '--image is missing: a job of a cluster needs an image with Node, this workspace and the tools of its backups',
  next: [`task backup schedule ${environment} --as kubernetes --image registry.example.com/ops:1`],
  outcome: 'usage',
})
