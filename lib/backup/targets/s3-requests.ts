import { createHash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { parseXml, type XmlDocument, type XmlElement } from '@rgrove/parse-xml'
import { AwsClient } from 'aws4fetch'
import { type Failure, FailureError } from '../../model/failure.ts'
import { eitherSignal } from '../../system/either-signal.ts'

/** A bucket, and who may use it. */
export type Bucket = {
  /** Address of the service: `https://s3.eu-central-1.amazonaws.com`. The bucket is named in the path, which every server understands. */
  endpoint: string
  bucket: string
  region: string
  accessKeyId: string
  secretAccessKey: string
}

/** One request. `key` undefined: the bucket itself. */
export type BucketRequest = {
  method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'DELETE'
  key?: string
  query?: Record<string, string>
  headers?: Record<string, string>
  body?: Uint8Array | string
  /** Answers that are no failure besides 2xx. */
  expected?: readonly number[]
  signal?: AbortSignal
}

/** How requests are repeated; tests shorten it. */
export type Patience = {
  attempts: number
  /** Milliseconds before the second attempt; doubles, with jitter. */
  delayMs: number
  /** Milliseconds without an answer after which an attempt counts as failed. */
  timeoutMs: number
}

const patient: Patience = { attempts: 6, delayMs: 250, timeoutMs: 60_000 }

/**
 * Buckets that have used up all attempts of a request, by their address: the next ones have one attempt each until one of them succeeds. A command asks
 * a target many things, and would wait as long for each of them while the target is down.
 */
const down = new Set<string>()

/**
 * Requests to one bucket, signed (AWS Signature Version 4, over the content's SHA-256 too, so that what arrives damaged is refused). Repeated, with growing
 * delays, when the network fails or the server answers 429 or 5xx: of the requests made here each may be repeated. Whoever is refused (other 4xx) is not
 * heard again. Fails with `target-failed`.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
 */
export class BucketRequests {
  readonly #client: AwsClient
  readonly #bucket: Bucket
  readonly #patience: Patience

  constructor(bucket: Bucket, patience: Patience = patient) {
    const { accessKeyId, secretAccessKey, region } = bucket
    this.#client = new AwsClient({ accessKeyId, secretAccessKey, region, service: 's3', retries: 0 })
    this.#bucket = bucket
    this.#patience = patience
  }

  /** The answer: 2xx or expected. Its body is not read yet. */
  async send(request: BucketRequest): Promise<Response> {
    const address = `${this.#bucket.endpoint}/${this.#bucket.bucket}`
    const attempts = down.has(address) ? 1 : this.#patience.attempts
    for (let attempt = 1; ; attempt++) {
      request.signal?.throwIfAborted()
      const answer = await this.#once(request)
      if (answer.ok || !answer.passing) down.delete(address)
      if (answer.ok) return answer.response
      if (answer.passing && attempt >= attempts) down.add(address)
      if (attempt >= attempts || !answer.passing) throw new FailureError(answer.failure)
      // Half of the delay is left to chance, so that many who were refused at once do not come back at once.
      const ms = this.#patience.delayMs * 2 ** (attempt - 1) * (0.5 + Math.random() / 2)
      await delay(ms, undefined, request.signal ? { signal: request.signal } : {})
    }
  }

  /** The answer as XML. */
  async xml(request: BucketRequest): Promise<XmlElement> {
    const response = await this.send(request)
    const text = await response.text()
    const root = parsed(text)?.root
    if (!root) throw new FailureError(this.#failure(request, 'its answer is no XML'))
    // A completed upload may be answered with 200 and an error, after blanks that kept the connection open.
    if (root.name === 'Error') throw new FailureError(this.#failure(request, errorText(root)))
    return root
  }

  async #once(
    request: BucketRequest,
  ): Promise<{ ok: true; response: Response } | { ok: false; passing: boolean; failure: Failure }> {
    const timeout = AbortSignal.timeout(this.#patience.timeoutMs)
    const either = eitherSignal(timeout, ...(request.signal ? [request.signal] : []))
    try {
      const response = await fetch(await this.#signed(request), { signal: either.signal })
      if (response.ok || request.expected?.includes(response.status)) return { ok: true, response }
      const text = await response.text()
      const passing = response.status === 429 || (response.status >= 500 && response.status !== 501)
      const why = errorText(parsed(text)?.root ?? undefined) ?? 'without saying why'
      return { ok: false, passing, failure: this.#failure(request, `it answered ${response.status}: ${why}`) }
    } catch (error) {
      request.signal?.throwIfAborted()
      const why = timeout.aborted ? `no answer within ${this.#patience.timeoutMs / 1000} s` : networkText(error)
      return { ok: false, passing: true, failure: this.#failure(request, why) }
    } finally {
      // The body is read by the caller, as slowly as that may be; only the answer's beginning is bounded.
      either.dispose()
    }
  }

  #signed({ method, key, query = {}, headers = {}, body }: BucketRequest): Promise<Request> {
    const { endpoint, bucket } = this.#bucket
    const path = [bucket, ...(key === undefined ? [] : key.split('/'))].map(encodeURIComponent).join('/')
    const url = new URL(`${endpoint.replace(/\/+$/, '')}/${path}`)
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
    return this.#client.sign(url.href, {
      method,
      headers: {
        ...headers,
        'x-amz-content-sha256': createHash('sha256')
          .update(body ?? '')
          .digest('hex'),
      },
      ...(body !== undefined && { body: body as NonNullable<RequestInit['body']> }),
    })
  }

  #failure({ method, key }: BucketRequest, why: string | undefined): Failure {
    const { bucket, endpoint } = this.#bucket
    const what = `${method} ${key ?? bucket}`
    return {
      code: 'target-failed',
      message: `the bucket ${bucket} at ${endpoint} did not take ${what}`,
      why: why ?? 'it did not say',
    }
  }
}

/** The text of the first element of that name below another, '' when there is none. */
export const textOf = (element: XmlElement, name: string): string => childrenOf(element, name)[0]?.text ?? ''

/** The elements of that name directly below another. */
export const childrenOf = (element: XmlElement, name: string): XmlElement[] =>
  element.children.filter(
    (child): child is XmlElement => child.type === 'element' && (child as XmlElement).name === name,
  )

function parsed(text: string): XmlDocument | undefined {
  try {
    return parseXml(text.trim())
  } catch {
    return undefined
  }
}

const errorText = (root: XmlElement | undefined): string | undefined =>
  root?.name === 'Error' ? `${textOf(root, 'Code')} (${textOf(root, 'Message')})` : undefined

/** fetch hides what happened behind "fetch failed". */
function networkText(error: unknown): string {
  const cause = (error as { cause?: { message?: string; code?: string } }).cause
  return cause?.message || cause?.code || (error as Error).message
}
