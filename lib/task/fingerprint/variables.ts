/** A variable of such a name is never shown, not even to explain a difference. */
const secretName = /key|secret|token|pass|pwd|auth|cred|private|cookie|session|dsn|ur[il]|cert|salt|sign|jwt|webhook/i

/** Whether the value of a variable may be shown. Where a name leaves doubt, it may not. */
export const mayShow = (name: string): boolean => !secretName.test(name)

/**
 * The variables that a task declares, with their values; `VITE_*` stands for all whose names begin so, `!VITE_DEBUG` takes one out again. A
 * variable that is spelled out and not set is undefined, which differs from an empty one.
 */
export function declaredVariables(
  names: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string | undefined> {
  const declared: Record<string, string | undefined> = {}
  const without = names.filter((name) => name.startsWith('!')).map((name) => matcher(name.slice(1)))
  for (const name of names.filter((one) => !one.startsWith('!'))) {
    const matches = matcher(name)
    const found = name.includes('*') ? Object.keys(env).filter(matches).sort() : [name]
    for (const one of found) if (!without.some((isWithout) => isWithout(one))) declared[one] = env[one]
  }
  return declared
}

function matcher(pattern: string): (name: string) => boolean {
  if (!pattern.includes('*')) return (name) => name === pattern
  const expression = pattern.split('*').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  const whole = new RegExp(`^${expression.join('.*')}$`)
  return (name) => whole.test(name)
}
