import { createRedactor, type Redactor } from '../log/redact.ts'
import { formatDuration, parseDuration } from '../model/duration.ts'
import type { Probe, ProbeOf, ProbeResult, ProbeTarget, ProbeType } from '../model/probe.ts'
import { Secret } from '../model/secret.ts'
import { eitherSignal } from '../system/either-signal.ts'
import type { ProbeRunner, Verdict } from './probe.ts'
import { oneLine } from './text.ts'

/** How long one attempt may take when the probe does not say, in milliseconds. */
export const defaultTimeoutMs = 5000

/** One file a probe, loaded when such a probe runs: a health check without databases must not load a database's client. */
const runners: { [T in ProbeType]: () => Promise<ProbeRunner<T>> } = {
  http: async () => (await import('./http.ts')).http,
  tcp: async () => (await import('./tcp.ts')).tcp,
  postgres: async () => (await import('./postgres.ts')).postgres,
  redis: async () => (await import('./redis.ts')).redis,
  exec: async () => (await import('./exec.ts')).exec,
  disk: async () => (await import('./disk.ts')).disk,
  certificate: async () => (await import('./certificate.ts')).certificate,
}

/**
 * Makes one attempt of a probe against a service. Never throws: whatever goes wrong is a result that did not pass. It ends at the
 * probe's own deadline (default 5 s) or when `signal` is aborted, also when the other side never answers.
 */
export async function runProbe(probe: Probe, target: ProbeTarget, signal: AbortSignal): Promise<ProbeResult> {
  const timeoutMs = (probe.timeout !== undefined ? parseDuration(probe.timeout) : undefined) ?? defaultTimeoutMs
  const started = performance.now()
  const deadline = new AbortController()
  const timer = setTimeout(() => deadline.abort(), timeoutMs)
  const { signal: either, dispose } = eitherSignal(signal, deadline.signal)
  const verdict = await Promise.race([
    attempt(probe.type, probe, { target, signal: either, timeoutMs }).catch(
      (error: unknown): Verdict => ({ passed: false, message: error instanceof Error ? error.message : String(error) }),
    ),
    untilAborted(either).then(
      (): Verdict => ({
        passed: false,
        message: signal.aborted ? 'cancelled' : `no answer within ${formatDuration(timeoutMs)}${where(probe, target)}`,
      }),
    ),
  ])
  clearTimeout(timer)
  dispose()
  return {
    passed: verdict.passed,
    message: oneLine(redactorOf(target).text(verdict.message), [
      ...(verdict.secrets ?? []),
      ...environmentSecrets(target),
    ]),
    latencyMs: performance.now() - started,
  }
}

const redactors = new WeakMap<ProbeTarget, Redactor>()

/** A gate asks many times; what is searched for stays the same. */
function redactorOf(target: ProbeTarget): Redactor {
  const known = redactors.get(target)
  if (known) return known
  const made = createRedactor((target.secrets ?? []).map((value) => new Secret(target.service, value)))
  redactors.set(target, made)
  return made
}

async function attempt<T extends ProbeType>(
  type: T,
  probe: ProbeOf<T>,
  context: Parameters<ProbeRunner<T>>[1],
): Promise<Verdict> {
  const run = await runners[type]()
  return run(probe, context)
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve()
    signal.addEventListener('abort', () => resolve(), { once: true })
  })
}

/** Where the probe looked, as far as its configuration says so without an address that may hold a password. */
function where(probe: Probe, target: ProbeTarget): string {
  if (probe.type === 'exec') return ` (${probe.command[0]})`
  if (probe.type === 'disk') return ` (${probe.path})`
  if (probe.type === 'certificate') return ` (${probe.host}:${probe.port})`
  if ('url' in probe && probe.url !== undefined) {
    return URL.canParse(probe.url) ? ` (${new URL(probe.url).host})` : ''
  }
  const host = probe.type === 'tcp' ? (probe.host ?? target.host) : target.host
  const port =
    typeof probe.port === 'number' ? probe.port : target.ports[probe.port ?? Object.keys(target.ports)[0] ?? '']
  return port === undefined ? '' : ` (${host}:${port})`
}

/** Values of the service's environment whose name says that they are secret: a program may print them when it fails. */
function environmentSecrets(target: ProbeTarget): string[] {
  return Object.entries(target.environment)
    .filter(([name, value]) => value.length >= 6 && /PASS|SECRET|TOKEN|KEY|CREDENTIAL|_URL$|_DSN$|^DSN$/i.test(name))
    .flatMap(([, value]) => [value, ...passwordOf(value)])
}

function passwordOf(value: string): string[] {
  if (!value.includes('://') || !URL.canParse(value)) return []
  const { password } = new URL(value)
  return password.length >= 4 ? [password] : []
}
