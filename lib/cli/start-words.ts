/** What a command line asks for that can be answered from what is cached. */
export type StartWords = {
  ask: 'list' | 'help' | 'version' | 'complete'
  /** For help, what it is wanted of; for completion, the words so far. */
  words: readonly string[]
  json: boolean
  color?: boolean
  workspace?: string
  taskfile?: string
  /** Nothing was said at all: on a terminal that means the picker. */
  bare: boolean
  /** No task was named, and nothing else was asked for: where there is a default task, that runs. */
  mayRun: boolean
}

/** The word by which shells ask for completions; nobody types it, and no help shows it. */
export const completeWord = '__complete'

/**
 * Reads the command lines that only ask: `--list`, `--help`, `help <task>`, `--version`, completion, with the flags that go with them. Undefined for
 * all others, right or wrong: the command itself reads those, and these would be read by it in the same way.
 */
export function startWords(argv: readonly string[], env: NodeJS.ProcessEnv): StartWords | undefined {
  const found: { list?: true; help?: true; version?: true; json: boolean } & Pick<
    StartWords,
    'color' | 'workspace' | 'taskfile'
  > = { json: false }
  let at = 0
  for (; at < argv.length; at += 1) {
    const word = argv[at] as string
    if (!word.startsWith('-')) break
    if (word === '--list' || word === '-l') found.list = true
    else if (word === '--help' || word === '-h') found.help = true
    else if (word === '--version' || word === '-V') found.version = true
    else if (word === '--json') found.json = true
    else if (word === '--color') found.color = true
    else if (word === '--no-color') found.color = false
    else if (/^(?:--workspace|-w|--taskfile|-f)$/.test(word)) {
      at += 1
      const value = argv[at]
      if (value === undefined || value === '' || value.startsWith('-')) return undefined
      const name = /w/.test(word) ? 'workspace' : 'taskfile'
      if (found[name] !== undefined) return undefined
      found[name] = value
    } else return undefined
  }
  const { list, help, version, ...rest } = found
  const { OPS_WORKSPACE: preset } = env
  if (rest.workspace === undefined && preset !== undefined) {
    if (preset === '') return undefined
    rest.workspace = preset
  }
  const words = argv.slice(at)
  const [first] = words
  const said = { ...rest, bare: argv.length === 0, mayRun: words.length === 0 && !(list || help || version) }
  if (first === completeWord) return { ...said, ask: 'complete', words: words.slice(words[1] === '--' ? 2 : 1) }
  if (version) return { ...said, ask: 'version', words }
  if (help) return { ...said, ask: 'help', words }
  if (first === 'help') return { ...said, ask: 'help', words: words.slice(1) }
  return list || words.length === 0 ? { ...said, ask: 'list', words } : undefined
}
