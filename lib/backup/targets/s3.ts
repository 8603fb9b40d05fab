import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { FailureError } from '../../model/failure.ts'
import { type Bucket, BucketRequests, childrenOf, type Patience, textOf } from './s3-requests.ts'
import type { Target } from './target.ts'

/** Bytes of a part of an upload. S3 takes 10,000 parts of at least 5 MiB, of which some servers want all but the last equal. */
const partBytes = 16 * 1024 * 1024
const mostParts = 10_000
/** Parts on their way at once: with the one being filled, three are in memory. */
const mostAtOnce = 2

/**
 * Backups in a bucket of S3, or of a server that speaks as S3 does. What is larger than one part goes up in parts, each repeated when it fails; an upload that
 * fails is taken back. Reading goes on where a connection broke. Credentials are never part of a name or an error.
 *
 * @param prefix what all keys begin with: '' or a path with `/` at the end
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/mpuoverview.html
 */
export function s3Target(bucket: Bucket, prefix: string, patience?: Patience): Target {
  const requests = new BucketRequests(bucket, patience)
  const at = (key: string) => `${prefix}${key}`

  async function* listed(below: string): AsyncGenerator<{ key: string; bytes: number }> {
    for (let token: string | undefined; ; ) {
      const page = await requests.xml({
        method: 'GET',
        query: { 'list-type': '2', prefix: at(below), ...(token !== undefined && { 'continuation-token': token }) },
      })
      for (const entry of childrenOf(page, 'Contents'))
        yield { key: textOf(entry, 'Key').slice(prefix.length), bytes: Number(textOf(entry, 'Size')) }
      token = textOf(page, 'IsTruncated') === 'true' ? textOf(page, 'NextContinuationToken') : undefined
      if (!token) return
    }
  }

  const put = (key: string, body: Uint8Array | string, signal?: AbortSignal) =>
    requests.send({ method: 'PUT', key: at(key), body, ...(signal && { signal }) }).then(discard)

  const has = async (key: string) =>
    (await requests.send({ method: 'HEAD', key: at(key), expected: [404] }).then(discard)).status !== 404

  const removeOne = (key: string) => requests.send({ method: 'DELETE', key: at(key), expected: [404] }).then(discard)

  /** Takes back the uploads below a prefix that nobody will complete: their parts are paid for as long as they lie there. */
  async function abortUploads(below: string): Promise<void> {
    const page = await requests.xml({ method: 'GET', query: { uploads: '', prefix: at(below) } })
    for (const upload of childrenOf(page, 'Upload')) {
      const uploadId = textOf(upload, 'UploadId')
      await requests
        .send({ method: 'DELETE', key: textOf(upload, 'Key'), query: { uploadId }, expected: [404] })
        .then(discard)
    }
  }

  return {
    name: `s3://${bucket.bucket}/${prefix}`,

    async list(below) {
      const found: { key: string; bytes: number }[] = []
      for await (const entry of listed(below)) found.push(entry)
      return found.sort((a, b) => (a.key < b.key ? -1 : 1))
    },

    async read(key, signal) {
      const first = await requests.send({
        method: 'GET',
        key: at(key),
        expected: [404],
        ...(signal && { signal }),
      })
      if (first.status === 404) return void (await discard(first))
      return Readable.from(resuming(requests, at(key), first, signal), { objectMode: false })
    },

    async write(key, source, signal) {
      await upload(requests, at(key), source, signal, (whole) => put(key, whole, signal))
    },

    async create(key, content) {
      const answer = await requests
        .send({
          method: 'PUT',
          key: at(key),
          body: content,
          headers: { 'if-none-match': '*' },
          expected: [409, 412, 501],
        })
        .then(discard)
      if (answer.ok) return true
      // 409: somebody else is at it in this moment.
      if (answer.status !== 501) return false
      return takeTurns({
        taken: () => has(key),
        announce: (mine) => put(`${key}.${mine}`, ''),
        withdraw: (mine) => removeOne(`${key}.${mine}`),
        announced: async () => {
          const names: string[] = []
          for await (const entry of listed(`${key}.`)) names.push(entry.key.slice(key.length + 1))
          return names
        },
        take: () => put(key, content),
      })
    },

    async remove(below) {
      await removeOne(`${below}manifest.json`)
      for await (const { key } of listed(below)) await removeOne(key)
      await abortUploads(below)
    },
  }
}

/** An answer whose body nobody wants: left unread it would keep its connection. */
async function discard(response: Response): Promise<Response> {
  await response.arrayBuffer()
  return response
}

/** Uploads a stream: as it is when it fits into one part, else in parts. When it fails nothing is there and nothing is paid for. */
async function upload(
  requests: BucketRequests,
  key: string,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  putWhole: (content: Uint8Array) => Promise<unknown>,
): Promise<void> {
  let uploadId: string | undefined
  const etags: string[] = []
  const flying = new Set<Promise<void>>()
  const send = async (number: number, body: Uint8Array): Promise<void> => {
    const query = { partNumber: String(number), uploadId: uploadId as string }
    const answer = await requests.send({ method: 'PUT', key, query, body, signal }).then(discard)
    etags[number - 1] = answer.headers.get('etag') ?? ''
  }
  try {
    let number = 0
    for await (const { part, last } of parts(source, signal)) {
      if (last && number === 0) return void (await putWhole(part))
      uploadId ??= textOf(await requests.xml({ method: 'POST', key, query: { uploads: '' }, signal }), 'UploadId')
      number++
      if (number > mostParts) throw new FailureError(tooLarge(key))
      const flight = send(number, part).finally(() => flying.delete(flight))
      // A failure is met where it is waited for.
      flight.catch(() => {})
      flying.add(flight)
      if (flying.size >= mostAtOnce) await Promise.race(flying)
    }
    await Promise.all(flying)
    const list = etags.map((etag, index) => `<Part><PartNumber>${index + 1}</PartNumber><ETag>${etag}</ETag></Part>`)
    const body = `<CompleteMultipartUpload>${list.join('')}</CompleteMultipartUpload>`
    await requests.xml({ method: 'POST', key, query: { uploadId: uploadId as string }, body, signal })
  } catch (error) {
    await Promise.allSettled(flying)
    // Best effort: the failure itself is what has to be told, and `remove` takes back what is left.
    if (uploadId !== undefined)
      await requests.send({ method: 'DELETE', key, query: { uploadId }, expected: [404] }).then(discard, () => {})
    throw error
  }
}

/** Cuts a stream into parts, each a buffer of its own because it is sent while the next one is filled. The last one may be empty when it is the only one. */
async function* parts(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<{ part: Uint8Array; last: boolean }> {
  let chunks: Uint8Array[] = []
  let bytes = 0
  let yielded = false
  for await (const chunk of source) {
    signal.throwIfAborted()
    for (let rest = chunk; rest.length > 0; ) {
      // A full part waits for one more byte, so that the last part is known to be the last.
      if (bytes === partBytes) {
        yield { part: Buffer.concat(chunks, bytes), last: false }
        yielded = true
        chunks = []
        bytes = 0
      }
      const taken = rest.subarray(0, partBytes - bytes)
      chunks.push(taken)
      bytes += taken.length
      rest = rest.subarray(taken.length)
    }
  }
  if (bytes > 0 || !yielded) yield { part: Buffer.concat(chunks, bytes), last: true }
}

const tooLarge = (key: string) => ({
  code: 'target-failed',
  message: `${key} is larger than ${(partBytes * mostParts) / 1024 ** 3} GiB, which is what an upload of ${mostParts} parts can hold`,
})

/** The content of a key; when the connection breaks it is asked for the rest, of the same object. */
async function* resuming(
  requests: BucketRequests,
  key: string,
  first: Response,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const total = Number(first.headers.get('content-length'))
  const etag = first.headers.get('etag') ?? ''
  let response = first
  let received = 0
  for (let failures = 0; ; ) {
    const before = received
    let broken: unknown
    try {
      for await (const chunk of response.body ?? []) {
        received += chunk.length
        yield chunk
      }
    } catch (error) {
      signal?.throwIfAborted()
      broken = error
    }
    if (received >= total) return
    failures = received > before ? 1 : failures + 1
    if (failures > 5)
      throw new FailureError({
        code: 'target-failed',
        message: `${key} could not be read: the connection broke after ${received} of ${total} bytes`,
        why: (broken as Error | undefined)?.message ?? 'it ended early',
      })
    response = await requests.send({
      method: 'GET',
      key,
      headers: { range: `bytes=${received}-`, 'if-match': etag },
      ...(signal && { signal }),
    })
  }
}

/**
 * Takes a key of a server that cannot put a key only where there is none (it answers 501). Who wants it announces so, then looks who else did: alone, it is
 * theirs; else all withdraw and try again a little later. Of several at once at most one succeeds, as long as listings show what was written before them,
 * which those of S3 and its kin do. The announcement is withdrawn after the key was taken, so whoever sees no announcement sees the key.
 */
async function takeTurns(turn: {
  taken(): Promise<boolean>
  announce(mine: string): Promise<unknown>
  withdraw(mine: string): Promise<unknown>
  announced(): Promise<string[]>
  take(): Promise<unknown>
}): Promise<boolean> {
  for (let attempt = 1; attempt <= 8; attempt++) {
    if (await turn.taken()) return false
    const mine = `wanted-${randomBytes(8).toString('hex')}`
    await turn.announce(mine)
    try {
      const alone = (await turn.announced()).every((other) => other === mine || !other.startsWith('wanted-'))
      if (await turn.taken()) return false
      if (alone) {
        await turn.take()
        return true
      }
    } finally {
      await turn.withdraw(mine)
    }
    await delay(Math.random() * 100 * 2 ** attempt)
  }
  return false
}
