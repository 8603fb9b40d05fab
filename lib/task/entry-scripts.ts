/**
 * The scripts of a workspace's `bin/` by which people and schedulers start its operations from any folder, and the words of `task`
 * that each stands for. What is written behind a script's name is added to them.
 */
export const entryScripts = {
  'setup-environment': ['setup'],
  'deploy-production': ['deploy', 'production'],
  'rollback-production': ['rollback', 'production'],
  'run-migrations': ['migrate', 'up'],
  'start-services': ['services', 'up'],
  'stop-services': ['services', 'down'],
  'health-check': ['health-check'],
  backup: ['backup'],
  restore: ['restore'],
} as const satisfies Readonly<Record<string, readonly string[]>>

/**
 * The text of such a script. It is a module or CommonJS, whichever its package.json makes of it: `import()` is in both. The
 * package is found from where the script is, and the workspace is the folder above the script's.
 */
export const entryScript = (words: readonly string[]): string => `#!/usr/bin/env node
// task ${words.join(' ')}
import('vital-ops/entry').then(({ enter }) => enter(${words.map((word) => `'${word}'`).join(', ')}))
`
