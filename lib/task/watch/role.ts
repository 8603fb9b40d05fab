/** The role of a process that a watching one has started: to say what is to be watched, or to run one unit of it. */
export type WatchRole = { kind: 'plan'; file: string } | { kind: 'run'; unit: number }

const variable = 'OPS_WATCH'

/** What a child's environment says of its role. */
export const roleVariable = (role: WatchRole): Record<string, string> => ({ [variable]: JSON.stringify(role) })

let role: WatchRole | undefined

/** This process's role under a watching one. Taken out of the environment, which the commands of tasks inherit. */
export function watchRole(env: NodeJS.ProcessEnv = process.env): WatchRole | undefined {
  const text = env[variable]
  if (text !== undefined) {
    delete env[variable]
    role = JSON.parse(text) as WatchRole
  }
  return role
}
