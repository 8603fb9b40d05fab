import type { Connection } from '../../lib/database/connect.ts'
import { isConnectionLost, isServerError } from '../../lib/database/failures.ts'
import { tableCell } from '../../lib/database/queries/format.ts'
import { tlsVariables } from '../../lib/database/tls.ts'
import { table } from '../../lib/log/table.ts'
import type { PlatformName } from '../../lib/model/environment.ts'
import { FailureError, ok } from '../../lib/model/failure.ts'
import { findProgram } from '../../lib/system/programs.ts'
import type { TaskContext } from '../../lib/task/definition.ts'
import { databaseOf, useDatabase } from './database.ts'
import type { Scope } from './flags.ts'
import { openNamed, type Session } from './session.ts'

type Context = TaskContext & {
  args: {
    readonly environment: string
    readonly platform?: PlatformName | undefined
    readonly command: string | undefined
    readonly admin: boolean
    readonly write: boolean
    readonly confirm: string | undefined
  }
}

/** `task db:shell`: psql on the terminal where there is one, else a small prompt. */
export async function runShell(scope: Scope, context: Context): Promise<void> {
  const { args, invocation } = context
  const session = await openNamed(scope, context, 'record')
  const readOnly = await readsOnly(session, context)
  const psql = findProgram('psql', invocation.env)
  if (psql !== undefined) return withPsql(psql, session, context, readOnly)
  if (args.command === undefined && !invocation.interactive) throw new FailureError(noPsql)
  await useDatabase(session, args.admin ? 'administrator' : 'owner', context.signal, async (connection) => {
    if (readOnly) await connection.query('set default_transaction_read_only = on')
    if (args.command !== undefined) await runStatement(connection, args.command, context, true)
    else await prompt(connection, session, context)
    return ok(undefined)
  })
}

/** A protected environment is only looked at, unless `--write` and its name were typed. */
async function readsOnly({ desired }: Session, context: Context): Promise<boolean> {
  const { args, invocation } = context
  if (!desired.configuration.protected || desired.rehearsal) return false
  if (!args.write) {
    context.log(`${desired.environment} is protected: this session only reads (--write asks for its name)`)
    return true
  }
  const question = `Type the name of the environment (${desired.environment}) to write to it: `
  const typed = args.confirm ?? (invocation.interactive ? await context.ask(question) : undefined)
  if (typed?.trim() === desired.environment) return false
  throw new FailureError({
    code: 'not-confirmed',
    message: `${desired.environment} is protected, and its name was not typed`,
    outcome: 'unchanged',
    next: [`the same command with --confirm=${desired.environment}`],
  })
}

/** The password goes by the environment: what is in argv is seen by everybody on the machine. */
async function withPsql(psql: string, session: Session, context: Context, readOnly: boolean): Promise<void> {
  const { args } = context
  const { service, name } = databaseOf(session)
  const found = await session.platform.administrator(service)
  if (!found.ok) throw new FailureError(...found.failures)
  const { host, port, user, password, tls } = found.value
  const owner = args.admin
    ? undefined
    : await useDatabase(session, 'owner', context.signal, async (connection) =>
        ok((await connection.query<{ role: string }>('select current_user as role')).rows[0]?.role),
      )
  const settings = [
    ...(owner === undefined || owner === user ? [] : [`role=${owner.replace(/[\\ ]/g, '\\$&')}`]),
    ...(readOnly ? ['default_transaction_read_only=on'] : []),
  ]
  context.conceal(password)
  const env = {
    ...context.env,
    PGHOST: host,
    PGPORT: String(port),
    PGUSER: user,
    PGDATABASE: name,
    PGPASSWORD: password.reveal(),
    ...(tls ? tlsVariables(tls) : {}),
    PGAPPNAME: `vital-ops/${session.run}`,
    PGOPTIONS: settings.map((setting) => `-c ${setting}`).join(' '),
  }
  const words = args.command === undefined ? [] : ['--set=ON_ERROR_STOP=1', '--command', args.command]
  await context.$({ stdio: 'inherit', env, verbose: false })`${psql} ${words}`
}

/** A prompt with the least that one needs: statements over several lines, their rows, `\q`. */
async function prompt(connection: Connection, session: Session, context: Context): Promise<void> {
  const { name } = databaseOf(session)
  context.log('psql is not installed: a small prompt in its place. A statement ends with ;, and \\q ends it')
  let text = ''
  for (;;) {
    const line = await context.ask(text === '' ? `${name}=> ` : `${name}-> `)
    if (text === '' && /^\s*(\\q|exit|quit)\s*;?\s*$/.test(line)) return
    text = text === '' ? line : `${text}\n${line}`
    if (text.trim() === '') text = ''
    if (!text.trimEnd().endsWith(';')) continue
    await runStatement(connection, text, context, false)
    text = ''
  }
}

async function runStatement(connection: Connection, text: string, context: Context, fails: boolean): Promise<void> {
  try {
    const types = { getTypeParser: () => (value: string) => value }
    const done = await connection.query<string[]>({ text, rowMode: 'array', types } as never)
    for (const { fields = [], rows, command, rowCount } of [done].flat() as (typeof done)[]) {
      const { out, columns } = context.invocation.terminal
      if (fields.length === 0) out(`${command}${rowCount === null ? '' : ` ${rowCount}`}\n`)
      else {
        const cells = rows.map((row) => row.map(tableCell))
        const head = fields.map((field) => field.name)
        out(`${table(head, cells, { columns })}(${rows.length} ${rows.length === 1 ? 'row' : 'rows'})\n`)
      }
    }
  } catch (error) {
    if (fails || !isServerError(error) || isConnectionLost(error)) throw error
    context.log.error(error.message)
  }
}

const noPsql = {
  code: 'psql-missing',
  message: 'psql is not installed, and there is no terminal for a prompt in its place',
  outcome: 'unchanged' as const,
  next: ['apt-get install postgresql-client', 'task db:shell --command "select 1"'],
}
