import { join } from 'node:path'
import type { MigrationFile } from '../../model/desired.ts'
import { ok, type Result } from '../../model/failure.ts'
import type { Plan } from '../../model/plan.ts'
import { outsideTransaction } from '../sql/statements.ts'
import { readSql } from '../sql-file.ts'
import { parseDown, parseMigration, type Script } from './script.ts'
import { isTyped } from './source.ts'

/**
 * The SQL of a plan's migrations as it would be sent, with the transactions that are opened around it, and without what is written to the ledger.
 * Only reads files. Failures: those of reading and parsing them.
 */
export async function planScripts(plan: Plan, root: string): Promise<Result<string>> {
  const parts: string[] = []
  for (const op of plan.ops) {
    if (op.kind === 'revert-migrations') {
      for (const file of op.data.files) {
        const part = await downText(file, root)
        if (!part.ok) return part
        parts.push(part.value)
      }
    }
    if (op.kind !== 'apply-migrations') continue
    for (const file of op.data.files.filter(({ version }) => op.data.pending?.includes(version) ?? true)) {
      if (isTyped(file.path)) {
        parts.push(typedText(`${file.path} (${file.effect})`))
        continue
      }
      const read = await readSql(join(root, file.path), file.path)
      if (!read.ok) return read
      const parsed = await parseMigration(read.value.text, file.path)
      if (!parsed.ok) return parsed
      parts.push(scriptText(`${file.path} (${file.effect})`, parsed.value.up))
    }
  }
  return ok(parts.join('\n'))
}

async function downText(file: MigrationFile, root: string): Promise<Result<string>> {
  const { path } = file.down ?? file
  if (isTyped(path)) return ok(typedText(`${path} (down)`))
  const read = await readSql(join(root, path), path)
  if (!read.ok) return read
  const down = await parseDown(read.value.text, path, { alone: path !== file.path })
  if (!down.ok) return down
  return ok(down.value === undefined ? '' : scriptText(`${path} (down)`, down.value.up))
}

const typedText = (title: string): string => `-- ${title}: TypeScript, whose statements are known only when it runs\n`

function scriptText(title: string, { statements, transaction, reason }: Script): string {
  const lines = [`-- ${title}${transaction ? '' : `: no single transaction (${reason})`}`]
  if (transaction) lines.push('begin;')
  for (const statement of statements) {
    const alone = !transaction && outsideTransaction(statement) === undefined
    if (alone) lines.push('begin;')
    lines.push(`${statement.text.replace(/;\s*$/, '')};`)
    if (statement.data) lines.push(`${statement.data.text}\\.`)
    if (alone) lines.push('commit;')
  }
  if (transaction) lines.push('commit;')
  return `${lines.join('\n')}\n`
}
