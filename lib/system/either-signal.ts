import { setMaxListeners } from 'node:events'

/**
 * A signal that is aborted, with the same reason, as soon as one of several is; `dispose` lets go of them. In place of
 * `AbortSignal.any`, which in several versions of Node loses an abort when a source is collected, or keeps every signal it made
 * (nodejs/node#65995, #64476).
 */
export function eitherSignal(...sources: readonly AbortSignal[]): { signal: AbortSignal; dispose(): void } {
  const controller = new AbortController()
  setMaxListeners(0, controller.signal)
  const undo: (() => void)[] = []
  const dispose = () => {
    for (const one of undo.splice(0)) one()
  }
  for (const source of sources) {
    const follow = () => {
      dispose()
      controller.abort(source.reason)
    }
    if (source.aborted) {
      follow()
      break
    }
    source.addEventListener('abort', follow, { once: true })
    undo.push(() => source.removeEventListener('abort', follow))
  }
  return { signal: controller.signal, dispose }
}
