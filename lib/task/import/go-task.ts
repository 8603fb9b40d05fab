import { isMap, isScalar, LineCounter, type Node, parseDocument } from 'yaml'
import { failed, ok, type Result } from '../../model/failure.ts'
import { GoTaskDraft } from './go-task-draft.ts'
import type { GoTaskfile } from './go-task-types.ts'
import type { Drafted, Loss } from './model.ts'

/** Drafts a Taskfile from a Taskfile.yml of go-task, version 3 (https://taskfile.dev/reference/schema). */
export function draftFromGoTask(content: string, source: string): Result<Drafted> {
  const lines = new LineCounter()
  const document = parseDocument(content, { lineCounter: lines, merge: true })
  const [error] = document.errors
  if (error) {
    const place = { file: source, line: error.linePos?.[0].line ?? 1, column: error.linePos?.[0].col ?? 1 }
    return failed({
      code: 'import-syntax',
      message: `${source}: ${error.message.split('\n')[0]}`,
      place,
      outcome: 'unchanged',
    })
  }
  const file = (document.toJS() ?? {}) as GoTaskfile
  const lineOf = (...path: (string | number)[]): number => {
    for (let length = path.length; length > 0; length -= 1) {
      const key = path[length - 1]
      const parent = document.getIn(path.slice(0, length - 1), true)
      const pair = isMap(parent) ? parent.items.find((one) => isScalar(one.key) && one.key.value === key) : undefined
      const node = (pair?.key ?? document.getIn(path.slice(0, length), true)) as Node | undefined
      if (node?.range) return lines.linePos(node.range[0]).line
    }
    return 1
  }
  if (file.tasks === undefined || typeof file.tasks !== 'object') {
    const failure = {
      code: 'import-syntax',
      message: `${source} has no tasks`,
      place: { file: source },
      outcome: 'unchanged',
    } as const
    return failed(failure)
  }
  const losses: Loss[] = []
  if (file.version !== undefined && !String(file.version).startsWith('3')) {
    losses.push({ line: lineOf('version'), what: `version: ${file.version}`, why: 'only version 3 is known' })
  }
  return ok(new GoTaskDraft(file, source, lineOf, losses).draft())
}
