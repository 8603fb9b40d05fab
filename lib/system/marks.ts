/** Environment variables by name. */
export type Environment = Record<string, string>

/** Carried by every process of a group, also by those that left it with setsid(2). */
export const groupMark = 'VITAL_OPS_GROUP'
/** Carried by every process that an operation's run has started; its value is the run's id. */
export const runMark = 'VITAL_OPS_RUN'

/**
 * A new value for a mark: unique on this machine, by the process, its clock (which no two processes of one pid share) and chance. Not from
 * `node:crypto`, which takes a sixth of Node's start to load.
 */
export function newMark(): string {
  const chance = Math.floor(Math.random() * 2 ** 48).toString(16)
  return [process.pid.toString(16), process.hrtime.bigint().toString(16), chance.padStart(12, '0')].join('-')
}

/**
 * The environment with one more mark. A runner inside a runner adds its mark to the outer one's (separated by a colon), so that
 * the outer one still finds what the inner one has started.
 */
export function withMark(env: NodeJS.ProcessEnv | Environment, name: string, value: string): Environment {
  const outer = env[name]
  return { ...definedOnly(env), [name]: outer ? `${outer}:${value}` : value }
}

/** The environment without marks: for what is to outlive whoever starts it (a supervisor, a database server). */
export function withoutMarks(env: NodeJS.ProcessEnv | Environment): Environment {
  const { [groupMark]: _group, [runMark]: _run, ...rest } = definedOnly(env)
  return rest
}

function definedOnly(env: NodeJS.ProcessEnv | Environment): Environment {
  return Object.fromEntries(Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined))
}
