import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { formatDuration, parseDuration } from '../model/duration.ts'
import type { ProbeOf, ProbeTarget } from '../model/probe.ts'
import { readUrl, resolvePort } from './address.ts'
import { notPassed, type ProbeRunner, passed } from './probe.ts'
import { connectionProblem, hostPort, shownUrl, urlSecrets } from './text.ts'

/** More of a body than this is not read: a health check's answer is small, and an endless one must not fill the memory. */
const bodyLimit = 1024 * 1024

/** Passes when the answer has the wanted status, body, JSON values and speed. Redirections are not followed. */
export const http: ProbeRunner<'http'> = async (probe, { target, signal }) => {
  const url = address(probe, target)
  const secrets = [...urlSecrets(url), ...headerSecrets(probe)]
  const shown = `${probe.method} ${shownUrl(url)}`
  const started = performance.now()
  const answer = await exchange(url, probe, signal).catch((error: unknown) => error)
  if (!isAnswer(answer)) {
    return notPassed(`${shown}: ${connectionProblem(answer, hostPort(url.hostname, portOf(url)))}`, secrets)
  }
  const tookMs = performance.now() - started
  const problem = judgeAnswer(probe, answer, tookMs)
  return problem === undefined
    ? passed(`${shown}: ${answer.status}`, secrets)
    : notPassed(`${shown}: ${problem}`, secrets)
}

/** What a server answered. */
export type Answer = { status: number; body: string; truncated: boolean; location?: string }

const isAnswer = (value: unknown): value is Answer =>
  typeof value === 'object' && value !== null && 'status' in value && 'body' in value

function address(probe: ProbeOf<'http'>, target: ProbeTarget): URL {
  if (probe.url !== undefined) return readUrl(probe.url, ['http:', 'https:'])
  return new URL(probe.path, `http://${hostPort(target.host, resolvePort(probe.port, target))}`)
}

const portOf = (url: URL) => url.port || (url.protocol === 'https:' ? '443' : '80')

function headerSecrets(probe: ProbeOf<'http'>): string[] {
  return Object.entries(probe.headers ?? {})
    .filter(([name]) => /auth|token|key|cookie|secret/i.test(name))
    .flatMap(([, value]) => [value, ...value.split(' ')])
    .filter((value) => value.length >= 6)
}

function exchange(url: URL, probe: ProbeOf<'http'>, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest
    const request = send(
      url,
      {
        method: probe.method,
        // A connection of its own: a kept one says nothing on whether new ones are accepted.
        agent: false,
        signal,
        headers: { accept: '*/*', 'user-agent': 'vital-ops', connection: 'close', ...probe.headers },
      },
      (response) => readAnswer(response).then(resolve, reject),
    )
    request.once('error', reject)
    request.end()
  })
}

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    size += chunk.length
    if (size > bodyLimit) break
  }
  const { location } = response.headers
  return {
    status: response.statusCode ?? 0,
    body: Buffer.concat(chunks).toString('utf8'),
    truncated: size > bodyLimit,
    ...(location !== undefined && { location }),
  }
}

/** What is wrong with an answer that took `tookMs` milliseconds; undefined when it is as wanted. */
export function judgeAnswer(probe: ProbeOf<'http'>, answer: Answer, tookMs: number): string | undefined {
  const { status, body } = answer
  if (!accepts(probe.status, status)) {
    const redirection = answer.location !== undefined ? `, redirects to ${safeLocation(answer.location)}` : ''
    return `status ${status}, expected ${wanted(probe.status)}${redirection}${beginning(body)}`
  }
  if (probe.body !== undefined && !body.includes(probe.body)) {
    return `status ${status}, but the body does not contain ${JSON.stringify(probe.body)}${beginning(body)}`
  }
  const json = probe.json && judgeJson(probe.json, answer)
  if (json !== undefined) return `status ${status}, but ${json}`
  const bound = probe.latency === undefined ? undefined : parseDuration(probe.latency)
  if (bound !== undefined && tookMs > bound) {
    return `status ${status} after ${formatDuration(tookMs)}, slower than ${formatDuration(bound)}`
  }
  return undefined
}

function accepts(status: ProbeOf<'http'>['status'], found: number): boolean {
  if (status === undefined) return found >= 200 && found <= 299
  return [status].flat().includes(found)
}

function wanted(status: ProbeOf<'http'>['status']): string {
  return status === undefined ? '200 to 299' : [status].flat().join(' or ')
}

function judgeJson(expected: NonNullable<ProbeOf<'http'>['json']>, answer: Answer): string | undefined {
  let document: unknown
  try {
    document = JSON.parse(answer.body)
  } catch {
    return answer.truncated ? 'the body is longer than 1 MiB' : `the body is not JSON${beginning(answer.body)}`
  }
  for (const [path, value] of Object.entries(expected)) {
    const found = atPath(document, path)
    if (found === undefined) return `${path} is missing in the body${beginning(answer.body)}`
    if (found !== value) return `${path} is ${JSON.stringify(found)}, expected ${JSON.stringify(value)}`
  }
  return undefined
}

/** The value at a path like `checks.0.name`; undefined when there is none. */
function atPath(document: unknown, path: string): unknown {
  let value: unknown = document
  for (const key of path.split('.')) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
    value = (value as Record<string, unknown>)[key]
  }
  return value
}

/** Cut far behind what is shown: a secret that is cut in half would not be found any more. */
function beginning(body: string): string {
  const text = body.trim()
  return text === '' ? ' (empty body)' : `: ${text.slice(0, 64 * 1024)}`
}

function safeLocation(location: string): string {
  return URL.canParse(location) ? shownUrl(new URL(location)) : location.replace(/[?#].*$/s, '')
}
