import type { CommandResult } from '../../system/command.ts'
import type { EngineAnswer, EngineHttp, EngineRequest } from './engine-http.ts'

/** What a direct call is given: the engine, and what the docker command would read from its stdin. */
type Call = { ask: EngineHttp; args: readonly string[]; input: string | Uint8Array | undefined; signal?: AbortSignal }
/** What the docker command would have printed; undefined where it has to say that itself. */
type Direct = (call: Call) => Promise<CommandResult | undefined>

/**
 * What is asked so often that a process for each of it would be most of the work, by the first words of the docker command. Words and output are those of the
 * docker command (Docker Engine API, docs.docker.com/reference/api/engine): whoever calls need not know which way it went.
 */
const calls: readonly [words: RegExp, direct: Direct][] = [
  [/^ps --all /, listContainers],
  [/^inspect --type container /, (call) => inspectEach(call, 'containers')],
  [/^(container|image) inspect /, (call) => inspectEach(call, call.args[0] === 'image' ? 'images' : 'containers')],
  [/^network ls /, listNetworks],
  [/^start /, (call) => each(call, (id) => ({ method: 'POST', path: `/containers/${id}/start` }), 'in turn')],
  [/^stop /, (call) => each(call, (id) => ({ method: 'POST', path: `/containers/${id}/stop` }))],
  [/^rename /, rename],
  [/^rm --force /, removeContainers],
  [/^cp \S+ -$/, copyOut],
  [/^cp - \S+$/, copyIn],
]

/** Whether a docker command has a direct way. */
export const isDirect = (args: readonly string[]): boolean => find(args) !== undefined

const find = (args: readonly string[]): Direct | undefined => {
  const text = `${args.slice(0, 3).join(' ')}${args.length > 3 ? ' ' : ''}`
  return calls.find(([words]) => words.test(text))?.[1]
}

/**
 * What a docker command does and prints, done without it. Undefined for one that has no direct way, and wherever something is not as usual (the engine does not
 * answer, or refuses): then the docker command is run, which says what it is. All of these may be done twice. Throws when the signal comes first.
 */
export async function runDirect(
  ask: EngineHttp,
  args: readonly string[],
  { input, signal }: { input?: string | Uint8Array | undefined; signal?: AbortSignal | undefined },
): Promise<CommandResult | undefined> {
  const direct = find(args)
  if (direct === undefined) return undefined
  try {
    return await direct({ ask, args, input, ...(signal && { signal }) })
  } catch (error) {
    if (signal?.aborted) throw error
    return undefined
  }
}

const printed = (stdout: string, status = 0): CommandResult => ({ status, stdout, stderr: '' })
const isFine = ({ status }: EngineAnswer): boolean => status < 400

/** Flags with their values, and what stands behind them; undefined where there is one that is not known here. */
function parse(
  args: readonly string[],
  known: { flags?: readonly string[]; valued?: readonly string[] },
): { flags: Set<string>; values: [string, string][]; rest: string[] } | undefined {
  const flags = new Set<string>()
  const values: [string, string][] = []
  for (let at = 0; at < args.length; at += 1) {
    const word = args[at] as string
    if (!word.startsWith('-')) return { flags, values, rest: args.slice(at) }
    if (known.flags?.includes(word)) flags.add(word)
    else if (known.valued?.includes(word)) {
      at += 1
      values.push([word, args[at] ?? ''])
    } else return undefined
  }
  return { flags, values, rest: [] }
}

/** `?filters=…` for `--filter label=…`; undefined for other filters. */
function filtersOf(values: readonly [string, string][]): string | undefined {
  const filters = values.filter(([name]) => name === '--filter').map(([, value]) => value)
  if (filters.some((filter) => !filter.startsWith('label='))) return undefined
  return filters.length === 0
    ? ''
    : `filters=${encodeURIComponent(JSON.stringify({ label: filters.map((filter) => filter.slice(6)) }))}`
}

type Listed = { Id: string; Labels?: Record<string, string> | null; Names?: string[]; Name?: string; State?: string }

/** Fills in a template that asks for nothing but what is the same everywhere; undefined for any other. */
function filledIn(template: string, one: Listed): string | undefined {
  let isKnown = true
  const text = template.replaceAll(/\{\{\.(\w+)(?: "([^"]*)")?\}\}/g, (_, field: string, name?: string) => {
    if (field === 'Label' && name !== undefined) return one.Labels?.[name] ?? ''
    if (field === 'ID') return one.Id
    if (field === 'Names' && one.Names) return one.Names.map((each) => each.replace(/^\//, '')).join(',')
    if (field === 'Name' && one.Name !== undefined) return one.Name
    if (field === 'State' && one.State !== undefined) return one.State
    isKnown = false
    return ''
  })
  return isKnown ? text : undefined
}

async function lines(
  { ask, signal }: Call,
  path: string,
  line: (one: Listed) => string | undefined,
): Promise<CommandResult | undefined> {
  const answer = await ask({ method: 'GET', path }, signal)
  if (!isFine(answer)) return undefined
  const all = (JSON.parse(answer.text) as Listed[]).map(line)
  return all.includes(undefined) ? undefined : printed(all.map((text) => `${text}\n`).join(''))
}

async function listContainers(call: Call): Promise<CommandResult | undefined> {
  const said = parse(call.args.slice(1), {
    flags: ['--all', '--quiet', '--no-trunc'],
    valued: ['--filter', '--format'],
  })
  const filters = said && filtersOf(said.values)
  // Ids that are cut have another length with each version.
  if (!said || filters === undefined || said.rest.length > 0 || !said.flags.has('--no-trunc')) return undefined
  const format = said.flags.has('--quiet') ? '{{.ID}}' : said.values.find(([name]) => name === '--format')?.[1]
  if (format === undefined) return undefined
  return lines(call, `/containers/json?all=1&${filters}`, (one) => filledIn(format, one))
}

async function listNetworks(call: Call): Promise<CommandResult | undefined> {
  const said = parse(call.args.slice(2), { flags: ['--quiet'], valued: ['--filter', '--format'] })
  const filters = said && filtersOf(said.values)
  if (!said || filters === undefined || said.rest.length > 0) return undefined
  const format = said.values.find(([name]) => name === '--format')?.[1]
  if (said.flags.has('--quiet')) return lines(call, `/networks?${filters}`, ({ Id }) => Id.slice(0, 12))
  if (format === undefined || format.includes('.ID')) return undefined
  return lines(call, `/networks?${filters}`, (one) => filledIn(format, one))
}

/** One JSON document of those that are there; status 1 where one of them is not. */
async function inspectEach(call: Call, kind: 'containers' | 'images'): Promise<CommandResult | undefined> {
  const { ask, args, signal } = call
  const from = args[0] === 'inspect' ? 3 : 2
  const said = parse(args.slice(from), { valued: ['--format'] })
  if (!said || said.rest.length === 0 || said.values.some(([, format]) => format !== '{{.Id}}')) return undefined
  const answers = await Promise.all(
    said.rest.map((name) => ask({ method: 'GET', path: `/${kind}/${pathOf(name)}/json` }, signal)),
  )
  if (answers.some((answer) => !isFine(answer) && answer.status !== 404)) return undefined
  const found = answers.filter(isFine).map(({ text }) => text.trim())
  const status = found.length < answers.length ? 1 : 0
  if (said.values.length === 0) return printed(`[${found.join(',')}]\n`, status)
  return printed(found.map((text) => `${(JSON.parse(text) as { Id: string }).Id}\n`).join(''), status)
}

/** Names of images have slashes that stay. */
const pathOf = (name: string): string => encodeURI(name).replaceAll('?', '%3F').replaceAll('#', '%23')

/** The same for each container; the docker command is needed where one of them is refused. */
async function each(
  { ask, args, signal }: Call,
  request: (id: string) => EngineRequest,
  how?: 'in turn',
): Promise<CommandResult | undefined> {
  const ids = args.slice(1)
  if (ids.some((id) => id.startsWith('-'))) return undefined
  if (how === 'in turn') {
    for (const id of ids) if (!isFine(await ask(request(id), signal))) return undefined
  } else {
    const answers = await Promise.all(ids.map((id) => ask(request(id), signal)))
    if (!answers.every(isFine)) return undefined
  }
  return printed(ids.map((id) => `${id}\n`).join(''))
}

async function rename({ ask, args, signal }: Call): Promise<CommandResult | undefined> {
  const [, id = '', name = ''] = args
  const path = `/containers/${id}/rename?name=${encodeURIComponent(name)}`
  return isFine(await ask({ method: 'POST', path }, signal)) ? printed('') : undefined
}

async function removeContainers({ ask, args, signal }: Call): Promise<CommandResult | undefined> {
  const said = parse(args.slice(1), { flags: ['--force', '--volumes'] })
  if (!said) return undefined
  const query = `force=1${said.flags.has('--volumes') ? '&v=1' : ''}`
  const answers = await Promise.all(
    said.rest.map((id) => ask({ method: 'DELETE', path: `/containers/${id}?${query}` }, signal)),
  )
  return answers.every(isFine) ? printed(said.rest.map((id) => `${id}\n`).join('')) : undefined
}

const placeOf = (word: string): { container: string; path: string } | undefined => {
  const [, container, path] = /^([^:/]+):(\/.*)$/.exec(word) ?? []
  return container === undefined || path === undefined ? undefined : { container, path: encodeURIComponent(path) }
}

async function copyOut({ ask, args, signal }: Call): Promise<CommandResult | undefined> {
  const from = placeOf(args[1] ?? '')
  if (!from) return undefined
  const path = `/containers/${from.container}/archive?path=${from.path}`
  const answer = await ask({ method: 'GET', path }, signal)
  return isFine(answer) ? printed(answer.text) : undefined
}

async function copyIn({ ask, args, input, signal }: Call): Promise<CommandResult | undefined> {
  const to = placeOf(args[2] ?? '')
  if (!to || input === undefined) return undefined
  const path = `/containers/${to.container}/archive?path=${to.path}&noOverwriteDirNonDir=true`
  return isFine(await ask({ method: 'PUT', path, body: input }, signal)) ? printed('') : undefined
}
