import type { Finding } from '../model/finding.ts'
import type { Plan } from '../model/plan.ts'
import { renderPlan } from '../plan/render.ts'
import { placeText } from './failure-text.ts'
import { paint } from './paint.ts'

/** A finding as one line for a person, with its place and how to mend it. */
export function findingText(finding: Finding, color: boolean): string {
  const { severity } = finding
  const label = paint(severity, severity === 'error' ? 'red' : severity === 'warning' ? 'yellow' : 'cyan', color)
  return `${label}: ${unlabelledText(finding)}`
}

/** A finding as `findingText` has it, without its severity: for a log that says that itself. */
export const unlabelledText = ({ message, place, mend }: Finding): string =>
  `${message}${place ? ` (${placeText(place)})` : ''}${mend ? `\n  mend: ${mend}` : ''}`

/** A plan and what is to be said about it. Errors are left out: they end the command and are shown as its failures. */
export function planText(plan: Plan, findings: readonly Finding[], color: boolean): string {
  const said = findings.filter(({ severity }) => severity !== 'error').map((finding) => findingText(finding, color))
  const lines = renderPlan(plan)
    .split('\n')
    .map((line, index) => (index === 0 ? paint(line, 'bold', color) : signed(line, color)))
  return `${[...lines, ...said].join('\n')}\n`
}

const colours = { '+': 'green', '~': 'yellow', '-': 'red', '!': 'red' } as const

function signed(line: string, color: boolean): string {
  const sign = line[2] as keyof typeof colours
  return Object.hasOwn(colours, sign) && line.startsWith('  ') && line[3] === ' '
    ? `  ${paint(sign, colours[sign], color)}${line.slice(3)}`
    : line
}
