/** What `onCrash` gives. */
export type CrashWatch = {
  /** Aborted by the first crash, and with the outer signal. */
  signal: AbortSignal
  /** The first crash, if there was one. */
  crashed(): { error: unknown } | undefined
  /** Takes the listeners away again. */
  dispose(): void
}

/**
 * What is thrown where nobody awaits it (a timer, a forgotten promise) would end the process at once, with tasks half done. Turns it
 * into an abort, so that the run ends in order, and can be told as a failure.
 */
export function onCrash(outer: AbortSignal): CrashWatch {
  const controller = new AbortController()
  let first: { error: unknown } | undefined
  const stop = () => controller.abort(outer.reason)
  const crash = (error: unknown) => {
    first ??= { error }
    controller.abort(error)
  }
  outer.addEventListener('abort', stop, { once: true })
  process.on('uncaughtException', crash)
  return {
    signal: controller.signal,
    crashed: () => first,
    dispose() {
      outer.removeEventListener('abort', stop)
      process.off('uncaughtException', crash)
    },
  }
}
