import type { LogLine } from '../../model/platform.ts'
import { startProcess } from '../../system/processes.ts'
import type { KubernetesContext } from './context.ts'
import { readInventory } from './inventory.ts'
import { label, ownerLabels, selectorOf } from './names.ts'

/** The last lines of pods' containers, and of those before them, for the failure of a gate. What cannot be read is left out. */
export async function podLines(
  { kubectl, hidden }: KubernetesContext,
  pods: { pod: string; namespace: string }[],
  lines: number,
): Promise<string[]> {
  const texts = await Promise.all(
    pods.flatMap(({ pod, namespace }) =>
      [[], ['--previous']].map(async (previous) => {
        const args = ['logs', pod, '-n', namespace, '--all-containers', `--tail=${lines}`, ...previous]
        const result = await kubectl.run(args)
        if (!result.ok || result.value.status !== 0 || result.value.stdout.trim() === '') return []
        const name = previous.length > 0 ? `${pod} (before its restart)` : pod
        return result.value.stdout
          .trimEnd()
          .split('\n')
          .map((line) => `${name}: ${line}`)
      }),
    ),
  )
  return texts
    .flat()
    .slice(-lines)
    .map((line) => conceal(line, hidden))
}

const conceal = (line: string, hidden: readonly string[]): string =>
  hidden.filter((value) => value.length >= 6).reduce((text, value) => text.replaceAll(value, '[redacted]'), line)

const linePattern = /^\[pod\/([^\]]+)\] (\d{4}-\d\d-\d\dT\S+Z) ?(.*)$/s

/** The logs of services, from all their pods; with `follow` until the signal is aborted. Values that are to be hidden are. */
export async function* readLogs(
  cluster: KubernetesContext,
  query: { services: string[]; follow: boolean; lines: number },
  signal: AbortSignal,
): AsyncGenerator<LogLine> {
  const queue: LogLine[] = []
  let wake = () => {}
  const stop = new AbortController()
  const either = AbortSignal.any([signal, stop.signal])
  const running = query.services.map((service) =>
    logOf(cluster, service, query, either, (line) => {
      queue.push(line)
      wake()
    }),
  )
  let ended = false
  void Promise.all(running).then(() => {
    ended = true
    wake()
  })
  try {
    for (;;) {
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      if (!query.follow && ended) queue.sort((one, other) => ((one.at ?? '') < (other.at ?? '') ? -1 : 1))
      if (query.follow || ended) yield* queue.splice(0)
      if (ended && queue.length === 0) return
      await woken
    }
  } finally {
    stop.abort()
    await Promise.all(running)
  }
}

async function logOf(
  cluster: KubernetesContext,
  service: string,
  { follow, lines }: { follow: boolean; lines: number },
  signal: AbortSignal,
  take: (line: LogLine) => void,
): Promise<void> {
  const inventory = await readInventory(cluster, service)
  const spaces = [...new Set(inventory?.objects.flatMap(({ namespace }) => namespace ?? []))]
  const selector = selectorOf({ ...ownerLabels(cluster), [label.service]: service })
  await Promise.all(
    spaces.map(async (namespace) => {
      let rest = ''
      const read = (line: string) => {
        const [, , at, text] = linePattern.exec(line) ?? []
        if (at !== undefined) take({ service, at, text: conceal(text ?? '', cluster.hidden) })
        else if (line !== '') take({ service, text: conceal(line, cluster.hidden) })
      }
      const args = [
        'logs',
        '-n',
        namespace,
        '-l',
        selector,
        '--all-containers',
        '--prefix',
        '--timestamps',
        `--tail=${lines}`,
      ]
      const started = await startProcess({
        argv: cluster.kubectl.argv([...args, '--max-log-requests=100', ...(follow ? ['--follow'] : [])]),
        stdout: (chunk) => {
          const parts = (rest + chunk.toString('utf8')).split('\n')
          rest = parts.pop() ?? ''
          for (const part of parts) read(part)
        },
        stderr: 'ignore',
        signal,
        graceMs: 2_000,
      })
      if (!started.ok) return
      await started.value.exited
      await started.value.output.catch(() => {})
      read(rest)
    }),
  )
}
