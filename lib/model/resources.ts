/** The rules about what services may use of a platform's host: warnings, and errors with `--strict`. */
export const resourceRules = ['memory-limits-exceed-host', 'cpu-limits-exceed-host'] as readonly string[]
