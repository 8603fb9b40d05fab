/** What a draft may use, by name: its code and its import. Only what is used is written. */
export const helpers: Readonly<
  Record<string, { uses: RegExp; code?: string; imports?: readonly [module: string, name: string][] }>
> = {
  sh: { uses: /\bsh\(/ },
  output: {
    uses: /\boutput\(/,
    code: `/** What a command prints, without the line break at its end; a command that fails is an error. */
const output = (script: string, cwd = import.meta.dirname): string =>
  execFileSync('/bin/sh', ['-c', script], { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).replace(/\\n$/, '')`,
    imports: [['node:child_process', 'execFileSync']],
  },
  failWith: {
    uses: /\bfailWith\(/,
    code: `/** Ends the task with a message. */
const failWith = (message: string): never => {
  throw new Error(message)
}`,
  },
  words: {
    uses: /\bwords\(/,
    code: `/** The words of a text, as a shell cuts them where nothing is quoted. */
const words = (value: string): string[] => value.split(/\\s+/).filter((word) => word !== '')`,
  },
  shell: {
    uses: /\bshell\(/,
    code: `/** What a command prints, without line breaks at its end. */
const shell = (script: string): string =>
  spawnSync('/bin/sh', ['-c', script], { cwd: import.meta.dirname, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] })
    .stdout.replace(/\\n+$/, '')`,
    imports: [['node:child_process', 'spawnSync']],
  },
  once: {
    uses: /\bonce\(/,
    code: `/** A value that is made when it is first asked for. */
const once = <Value>(make: () => Value): (() => Value) => {
  let made: { value: Value } | undefined
  return () => (made ??= { value: make() }).value
}`,
  },
  unsupported: {
    uses: /\bunsupported\(/,
    code: `/** Stands where the import found nothing that means the same. */
const unsupported = (what: string): never => {
  throw new Error(\`not carried over: \${what}\`)
}`,
  },
  makeWildcard: {
    uses: /\bwildcard\(/,
    code: `/** The paths that patterns find, as make's wildcard gives them. */
const wildcard = (patterns: string): string =>
  shell(\`for path in \${patterns}; do if [ -e "$path" ] || [ -L "$path" ]; then echo "$path"; fi; done\`).replaceAll('\\n', ' ')`,
  },
  patsubst: {
    uses: /\bpatsubst\(/,
    code: `/** Each word that matches \`from\`, with its stem in \`to\`, as make's patsubst gives them. */
const patsubst = (from: string, to: string, value: string): string => {
  const [start = '', end] = from.split('%')
  return words(value)
    .map((word) => {
      if (end === undefined) return word === from ? to : word
      if (word.length < start.length + end.length || !word.startsWith(start) || !word.endsWith(end)) return word
      return to.replace('%', () => word.slice(start.length, word.length - end.length))
    })
    .join(' ')
}`,
  },
  matching: {
    uses: /\bmatching\(/,
    code: `/** The words that match one of the patterns, or none of them. */
const matching = (patterns: string, value: string, keep: boolean): string =>
  words(value)
    .filter((word) =>
      words(patterns).some((pattern) => {
        const [start = '', end] = pattern.split('%')
        return end === undefined ? word === pattern : word.startsWith(start) && word.endsWith(end) && word.length >= start.length + end.length
      }) === keep,
    )
    .join(' ')`,
  },
  basename: { uses: /\bbasename\(/, imports: [['node:path', 'basename']] },
  dirname: { uses: /(?<!\.)\bdirname\(/, imports: [['node:path', 'dirname']] },
  extname: { uses: /\bextname\(/, imports: [['node:path', 'extname']] },
  join: { uses: /(?<!\.)\bjoin\(/, imports: [['node:path', 'join']] },
  resolve: { uses: /(?<!\.)\bresolve\(/, imports: [['node:path', 'resolve']] },
  existsSync: { uses: /\bexistsSync\(/, imports: [['node:fs', 'existsSync']] },
  readFileSync: { uses: /\breadFileSync\(/, imports: [['node:fs', 'readFileSync']] },
  globSync: { uses: /\bglobSync\(/, imports: [['node:fs', 'globSync']] },
  platform: { uses: /\bplatform\(/, imports: [['node:os', 'platform']] },
  arch: { uses: /\barch\(/, imports: [['node:os', 'arch']] },
  cpus: { uses: /\bavailableParallelism\(/, imports: [['node:os', 'availableParallelism']] },
  homedir: { uses: /\bhomedir\(/, imports: [['node:os', 'homedir']] },
  randomUUID: { uses: /\brandomUUID\(/, imports: [['node:crypto', 'randomUUID']] },
  createHash: { uses: /\bcreateHash\(/, imports: [['node:crypto', 'createHash']] },
}
