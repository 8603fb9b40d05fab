import { createRequire, syncBuiltinESMExports } from 'node:module'

const require = createRequire(import.meta.url)

/** What was looked at besides code. */
export type Outside = {
  /** The environment variables that were read, with the values that they had. */
  variables: ReadonlyMap<string, string | undefined>
  /** The first thing from outside that was used and cannot be compared later: `fs.readFileSync`, `Date.now` … */
  outside?: string
}

/** The modules whose functions look outside, or act there; of some only these. */
const watched: readonly (readonly [string, RegExp])[] = [
  ['fs', /./],
  ['fs/promises', /./],
  ['child_process', /./],
  ['os', /./],
  ['net', /./],
  ['dns', /./],
  ['http', /^(?:request|get)$/],
  ['https', /^(?:request|get)$/],
  ['crypto', /^(?:random|generate|getRandom)/],
]

/**
 * Runs the loading of a Taskfile and tells what it looked at: what it loads depends on the code and on that alone. While it runs, the functions that
 * look outside are replaced by ones that note it; Node's own calls of them (to load a module) do not count.
 */
export async function recorded<Value>(load: () => Promise<Value>): Promise<Outside & { value: Value }> {
  const variables = new Map<string, string | undefined>()
  let outside: string | undefined
  let recording = true
  const note = (what: string): void => {
    if (recording && outside === undefined && !isCalledByNode()) outside = what
  }
  const restore = [
    watchEnvironment((name, value) => {
      if (recording && !variables.has(name)) variables.set(name, value)
    }, note),
    watchClock(note),
    ...watched.map(([name, functions]) => watchFunctions(name, require(name), functions, note)),
    watchFunctions('Math', Math, /^random$/, note),
    watchFunctions('performance', Object.getPrototypeOf(performance), /^now$/, note),
    watchFunctions('process', process, /^(?:cwd|hrtime|uptime|memoryUsage|getuid|umask)$/, note),
    watchFunctions('globalThis', globalThis, /^fetch$/, note),
    watchArguments(note),
  ]
  syncBuiltinESMExports()
  try {
    const value = await load()
    return { value, variables, ...(outside === undefined ? {} : { outside }) }
  } finally {
    recording = false
    for (const one of restore.reverse()) one()
    syncBuiltinESMExports()
  }
}

/** Whether the function that notes was called by Node itself (the loaders read files with the public functions). */
function isCalledByNode(): boolean {
  const { stackTraceLimit, prepareStackTrace } = Error
  // Who has set one (source-map.ts) may read files with it.
  Object.assign(Error, { stackTraceLimit: 8, prepareStackTrace: undefined })
  const { stack = '' } = new Error()
  Object.assign(Error, { stackTraceLimit, prepareStackTrace })
  // The frames: this function, note, the watching one, then who called that; node:path asks for the folder on behalf of its caller.
  const callers = stack.split('\n').slice(4)
  return /\(?node:internal/.test(callers.find((frame) => !frame.includes('node:path')) ?? '')
}

type Note = (what: string) => void

function watchFunctions(module: string, target: object, names: RegExp, note: Note): () => void {
  const owner = target as Record<string, unknown>
  const replaced = new Map<string, PropertyDescriptor>()
  for (const name of Object.getOwnPropertyNames(owner)) {
    const descriptor = Object.getOwnPropertyDescriptor(owner, name)
    const original: unknown = descriptor?.value
    // Classes (fs.Stats) are used in comparisons, and look at nothing.
    if (!names.test(name) || typeof original !== 'function' || !descriptor?.configurable || /^[A-Z]/.test(name))
      continue
    replaced.set(name, descriptor)
    const watching = new Proxy(original, {
      apply(call, self, words) {
        note(`${module}.${name}`)
        return Reflect.apply(call as (...words: unknown[]) => unknown, self, words)
      },
    })
    Object.defineProperty(owner, name, { ...descriptor, value: watching })
  }
  return () => {
    for (const [name, descriptor] of replaced) Object.defineProperty(owner, name, descriptor)
  }
}

function watchEnvironment(read: (name: string, value: string | undefined) => void, note: Note): () => void {
  const { env } = process
  const look = (name: string | symbol): void => {
    if (typeof name === 'string') read(name, env[name])
  }
  process.env = new Proxy(env, {
    get(target, name) {
      look(name)
      return Reflect.get(target, name)
    },
    has(target, name) {
      look(name)
      return Reflect.has(target, name)
    },
    getOwnPropertyDescriptor(target, name) {
      look(name)
      return Reflect.getOwnPropertyDescriptor(target, name)
    },
    ownKeys(target) {
      note('all of process.env')
      return Reflect.ownKeys(target)
    },
  })
  return () => {
    process.env = env
  }
}

function watchClock(note: Note): () => void {
  const original = Date
  const now = new Proxy(original.now, {
    apply(call, self, words) {
      note('Date.now')
      return Reflect.apply(call, self, words)
    },
  })
  globalThis.Date = new Proxy(original, {
    construct(target, words, self) {
      if (words.length === 0) note('new Date')
      return Reflect.construct(target, words, self)
    },
    apply() {
      note('Date')
      return String(new original())
    },
    get: (target, name) => (name === 'now' ? now : Reflect.get(target, name)),
  })
  return () => {
    globalThis.Date = original
  }
}

function watchArguments(note: Note): () => void {
  const { argv } = process
  Object.defineProperty(process, 'argv', {
    configurable: true,
    enumerable: true,
    get() {
      note('process.argv')
      return argv
    },
  })
  return () =>
    Object.defineProperty(process, 'argv', { configurable: true, enumerable: true, writable: true, value: argv })
}
