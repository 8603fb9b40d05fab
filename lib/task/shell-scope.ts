import type { AsyncLocalStorage } from 'node:async_hooks'
import { createRequire } from 'node:module'
import type { ShellOptions } from './shell.ts'

/** The options of each `$`, by what stands for it, as they are within one scope. */
type Scope = Map<object, ShellOptions>

const require = createRequire(import.meta.url)
// What a Taskfile imports and what runs it are two files.
const shared = globalThis as { [scopes]?: AsyncLocalStorage<Scope> }
const scopes = Symbol.for('vital-ops.scopes')

/**
 * zx's `within`: what is set of a task's `$` in the callback and in all that it awaits (`$.cwd = 'docs'`, `$.env.CI = '1'`, `$.quiet = true`) holds
 * there alone. Gives what the callback gives.
 */
export function within<Result>(callback: () => Result): Result {
  const { AsyncLocalStorage: Storage } = require('node:async_hooks') as typeof import('node:async_hooks')
  shared[scopes] ??= new Storage<Scope>()
  const outer = [...(shared[scopes].getStore() ?? [])]
  const inner = outer.map(([key, own]): [object, ShellOptions] => [
    key,
    { ...own, ...(own.env ? { env: { ...own.env } } : {}) },
  ])
  return shared[scopes].run(new Map(inner), callback)
}

/** The options of one `$` that its user may set: for good, or within a scope. */
export class SettableOptions {
  #base: ShellOptions

  constructor(base: ShellOptions) {
    this.#base = base
  }

  /** As they are here and now. */
  get now(): ShellOptions {
    return shared[scopes]?.getStore()?.get(this) ?? this.#base
  }

  /** Sets some of them, here and in what is awaited from here. */
  set(some: ShellOptions): void {
    const scope = shared[scopes]?.getStore()
    const all = { ...this.now, ...some }
    if (scope) scope.set(this, all)
    else this.#base = all
  }

  /** Whether what is read here may be changed without changing what lies outside of this scope. */
  get areOwn(): boolean {
    const scope = shared[scopes]?.getStore()
    return scope === undefined || scope.has(this)
  }
}

/** What can be set of a `$`. */
const settable = ['quiet', 'verbose', 'nothrow', 'timeout', 'prefix', 'postfix', 'signal', 'stdio', 'input'] as const

/** Makes the options of a `$` its properties, as zx has them; `cwd` and `env` are those of the task until they are set. */
export function withProperties<Call extends object>(
  call: Call,
  options: SettableOptions,
  task: { folder: string; env: Readonly<Record<string, string | undefined>>; sync(): unknown },
): Call {
  const simple = settable.map((name) => [
    name,
    { get: () => options.now[name], set: (value: never) => options.set({ [name]: value }) },
  ])
  return Object.defineProperties(call, {
    ...Object.fromEntries(simple),
    sync: { get: task.sync },
    cwd: { get: () => options.now.cwd ?? task.folder, set: (cwd: string) => options.set({ cwd }) },
    env: {
      get() {
        // It may be written into: `$.env.CI = '1'`.
        if (options.now.env === undefined || !options.areOwn) {
          options.set({ env: { ...(options.now.env ?? task.env) } })
        }
        return options.now.env
      },
      set: (env: NonNullable<ShellOptions['env']>) => options.set({ env }),
    },
  })
}
