import type { Failure } from '../model/failure.ts'
import type { LogEvent } from './events.ts'

/**
 * A command that is written `task …`, as it is to be typed here: `npx task …`. Its comment and what stands before the word stay. A text that names
 * more than one (`task resume dev, or task abort dev`) has each of them changed; a text that is no command stays as it is.
 * @param command how the command was called, see `lib/cli/called-as.ts`
 */
export const asTyped = (text: string, command: string): string =>
  text.replace(/(^|, or |— )task (?=[a-z-])/g, (_, before: string) => `${before}${command} `)

/** The same for what a text has behind `next:` or `mend:`, on that line and on the lines below that are further in. The rest stays. */
export function textAsTyped(text: string, command: string): string {
  let within: number | undefined
  return text
    .split('\n')
    .map((line) => {
      const [, indent = '', word, rest = ''] = /^(\s*)(next:|mend:)?\s*(.*)$/s.exec(line) ?? []
      if (word !== undefined) within = indent.length
      else if (within === undefined || indent.length <= within || rest === '') {
        within = undefined
        return line
      }
      return line.slice(0, line.length - rest.length) + asTyped(rest, command)
    })
    .join('\n')
}

/** A failure whose next commands can be typed as they stand. */
export const failureAsTyped = (failure: Failure, command: string): Failure =>
  failure.next === undefined ? failure : { ...failure, next: failure.next.map((line) => asTyped(line, command)) }

/** An event as people read it: the mends of a plan's findings, its notes, and the commands of a message can be typed as they stand. */
export function eventAsTyped(event: LogEvent, command: () => string): LogEvent {
  if (event.type === 'message') return { ...event, text: textAsTyped(event.text, command()) }
  if (event.type !== 'plan-shown') return event
  const findings = event.findings.map((finding) =>
    finding.mend === undefined ? finding : { ...finding, mend: asTyped(finding.mend, command()) },
  )
  const notes = event.plan.notes.map((note) => asTyped(note, command()))
  return { ...event, plan: { ...event.plan, notes }, findings }
}
