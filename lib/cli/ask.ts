import { createInterface } from 'node:readline'
import { FailureError } from '../model/failure.ts'

/**
 * Asks on the terminal: the question on stderr, the answer from stdin, without its line break. Rejects with `declined` when the
 * input ends, and with the signal's reason when it aborts. Ctrl-C is the process's signal here as elsewhere.
 */
export function ask(question: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const lines = createInterface({ input: process.stdin, output: process.stderr })
    const stop = () => {
      reject(signal.reason)
      lines.close()
    }
    lines.on('SIGINT', () => process.kill(process.pid, 'SIGINT'))
    let answered = false
    lines.on('close', () => {
      signal.removeEventListener('abort', stop)
      // What is printed next does not stand behind the question.
      if (!answered) process.stderr.write('\n')
      reject(new FailureError({ code: 'declined', message: 'no answer was given; nothing ran', outcome: 'unchanged' }))
    })
    if (signal.aborted) {
      stop()
      return
    }
    signal.addEventListener('abort', stop, { once: true })
    lines.question(question, (answer) => {
      answered = true
      resolve(answer)
      lines.close()
    })
  })
}
