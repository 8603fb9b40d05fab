import type { OperationResult } from '../../lib/execute/operation-request.ts'
import type { Partly } from '../../lib/execute/partly.ts'
import { table } from '../../lib/log/table.ts'
import type { Desired } from '../../lib/model/desired.ts'
import { formatDuration } from '../../lib/model/duration.ts'
import { isEmpty } from '../../lib/model/plan.ts'
import type { ServiceState } from '../../lib/model/snapshot.ts'
import type { Requirement } from '../../lib/platform/requirements.ts'
import type { View } from '../../lib/task/definition.ts'
import { addressesOf } from './addresses.ts'
import { painted, statusTable } from './status-table.ts'

/** `dev` for the default environment, else the flag that names it. */
const flagOf = (desired: Desired): string => (desired.environment === 'dev' ? '' : ` -e ${desired.configuredAs}`)

/** The last lines of a deploy or rollback on stdout. */
export function describeRelease(
  result: OperationResult,
  desired: Desired,
  title: string,
  took: string,
  view: View,
): string {
  const { plan, release } = result
  if (!plan || result.outcome === 'unchanged') return ''
  if (result.outcome !== 'done') {
    if (result.rolledBackTo === undefined) return ''
    return `${title}: release ${release} failed; release ${result.rolledBackTo} runs again\n`
  }
  // That nothing is to be done is said where the plan is shown.
  if (isEmpty(plan) || release === undefined) return ''
  const rows = desired.services
    .filter(({ spec }) => spec !== undefined)
    .map(({ name }) => [name, addressesOf(desired, name).join(' ')])
  return `${title}: release ${release} is healthy, ${took}\n${table(['service', 'address'], rows, view)}`
}

/** The last lines of `services up|down|restart` on stdout. */
export function describeServices(
  result: OperationResult,
  desired: Desired,
  states: ServiceState[],
  title: string,
  view: View,
): string {
  const { partly } = result
  if (result.outcome === 'partial' && partly) {
    return `${title}: ${partText(partly)}\n${leftTable(partly, view)}${statusTable(states, desired, view)}`
  }
  if (result.outcome !== 'done' || states.length === 0) return partly ? leftTable(partly, view) : ''
  // That nothing is to be done is said where the plan is shown.
  const head = result.plan && isEmpty(result.plan) ? '' : `${title}\n`
  return `${head}${statusTable(states, desired, view)}`
}

const partText = ({ done, failed, skipped }: Partly): string =>
  [`${done.length} done`, `${failed.length} failed`, ...(skipped.length > 0 ? [`${skipped.length} skipped`] : [])].join(
    ', ',
  )

/** What is not up, and why: its own failure, or whose. */
const leftTable = ({ failed, skipped }: Partly, view: View): string =>
  table(
    ['not up', '', 'because'],
    [
      ...failed.map(({ service, reason }) => [service, view.color ? `\u001b[31mfailed\u001b[39m` : 'failed', reason]),
      ...skipped.map(({ service, because }) => [service, 'skipped', `of ${because.join(', ')}`]),
    ],
    view,
  )

/** A step of an operation that was done, and how long it took. */
export type Step = { step: string; durationMs: number }

/** How long each step took, in the order in which they ended, in lines that fit the terminal. */
export function stepTimes(steps: readonly Step[], { columns, isTerminal }: View): string {
  const room = isTerminal ? Math.max(columns, 40) : 120
  const lines: string[] = []
  let line = 'steps:'
  for (const [index, { step, durationMs }] of steps.entries()) {
    const word = ` ${step} ${formatDuration(durationMs)}${index < steps.length - 1 ? ',' : ''}`
    if (line.length + word.length > room) {
      lines.push(line)
      line = '      '
    }
    line += word
  }
  return [...lines, line].join('\n')
}

/** What is there and what is missing, with the command that mends it. */
export function requirementsTable(rows: Requirement[], view: View): string {
  return table(
    ['requirement', 'found', 'version', 'to mend'],
    rows.map(({ what, found, version, mend }) => [
      what,
      found ? painted('yes', view) : painted('missing', view),
      version ?? '',
      found ? '' : (mend ?? ''),
    ]),
    view,
  )
}

/** What to type next after a setup. */
export const nextCommands = (desired: Desired): string[] => [
  `task services status${flagOf(desired)}`,
  `task services logs -f${flagOf(desired)}`,
  `task deploy ${desired.configuredAs}${desired.rehearsal ? ' --platform local' : ''}`,
]
