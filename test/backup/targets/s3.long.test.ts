import type { Server } from 'node:http'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { s3Target } from '../../../lib/backup/targets/s3.ts'
import { BucketRequests, childrenOf } from '../../../lib/backup/targets/s3-requests.ts'
import { FailureError } from '../../../lib/model/failure.ts'
import { type Fault, faultyWay, type S3Server, startS3 } from '../../support/s3-server.ts'
import { conforms, content, contentOf, digestOf } from './conformance.ts'

let s3: S3Server
let places = 0
const ways: Server[] = []
const never = new AbortController().signal
const quick = { attempts: 6, delayMs: 5, timeoutMs: 20_000 }
/** A prefix that no other test has. */
const place = () => `place ${++places}/`

test.before(async () => {
  s3 = await startS3()
})
test.after(async () => {
  for (const way of ways) way.close().closeAllConnections()
  await s3?.stop()
})

conforms('s3', async () => {
  const prefix = place()
  return [s3Target(s3.bucket, prefix, quick), s3Target(s3.bucket, prefix, quick)]
})

async function way(decide: (method: string, url: string) => Fault) {
  const { bucket, server } = await faultyWay(s3.bucket, decide)
  ways.push(server)
  return bucket
}

const uploads = async (prefix: string) =>
  childrenOf(await new BucketRequests(s3.bucket).xml({ method: 'GET', query: { uploads: '', prefix } }), 'Upload')
    .length

test('refused requests and broken connections are tried again: what arrives is whole', async () => {
  const prefix = place()
  let requests = 0
  const bucket = await way(
    () => (['503', 'pass', 'drop', 'pass', 'cut', 'pass', 'pass'] as const)[requests++ % 7] ?? 'pass',
  )
  const target = s3Target(bucket, prefix, quick)
  const { stream, sha256 } = content(50_000_000)
  await target.write('x', stream, never)
  assert.is(await digestOf(s3Target(s3.bucket, prefix), 'x'), sha256)
  assert.is(await digestOf(target, 'x'), sha256)
  assert.ok(requests > 10, `${requests} requests`)
  assert.is(await uploads(prefix), 0)
})

test('a server that fails in the middle of an upload: a failure with its reason, and nothing is there', async () => {
  const prefix = place()
  let down = false
  const bucket = await way((method, url) => {
    down ||= method === 'PUT' && url.includes('partNumber=2')
    return down ? '503' : 'pass'
  })
  const failure = await s3Target(bucket, prefix, { ...quick, attempts: 3 })
    .write('x', content(50_000_000).stream, never)
    .then(
      () => undefined,
      (error: FailureError) => error.failures[0],
    )
  assert.is(failure?.code, 'target-failed')
  assert.match(failure?.message ?? '', `did not take PUT ${prefix}x`)
  assert.is(failure?.why, 'it answered 503: SlowDown (later)')
  const direct = s3Target(s3.bucket, prefix)
  assert.equal(await direct.list(''), [])
  // It was down when the upload was to be taken back: removing does that.
  assert.is(await uploads(prefix), 1)
  await direct.remove('')
  assert.is(await uploads(prefix), 0)
})

test('wrong credentials, a missing bucket and a dead server say what they are, and tell no secret', async () => {
  const why = async (change: object) => {
    const error = await s3Target({ ...s3.bucket, ...change }, '', { ...quick, attempts: 2 })
      .write('x', content(3).stream, never)
      .then(
        () => undefined,
        (thrown) => thrown,
      )
    assert.instance(error, FailureError)
    const text = JSON.stringify(error.failures)
    assert.not.match(text, s3.bucket.secretAccessKey)
    assert.not.match(text, 'not-this-one')
    return (error as FailureError).failures[0]?.why ?? ''
  }
  assert.match(await why({ secretAccessKey: 'not-this-one' }), 'it answered 403: SignatureDoesNotMatch')
  assert.match(await why({ bucket: 'other-bucket' }), 'it answered 404: NoSuchBucket')
  assert.match(await why({ endpoint: 'http://127.0.0.1:9' }), /ECONNREFUSED|bad port/)
})

test('a server that is down is waited for once, and not once per request, until it answers again', async () => {
  let down = true
  let requests = 0
  const bucket = await way(() => {
    requests++
    return down ? '503' : 'pass'
  })
  const asked = async () => {
    const before = requests
    const target = s3Target(bucket, place(), { ...quick, attempts: 4 })
    const failed = await target.list('').then(
      () => false,
      () => true,
    )
    return { failed, attempts: requests - before }
  }
  assert.equal(await asked(), { failed: true, attempts: 4 })
  assert.equal(await asked(), { failed: true, attempts: 1 })
  assert.equal(await asked(), { failed: true, attempts: 1 })
  down = false
  assert.equal(await asked(), { failed: false, attempts: 1 })
  down = true
  assert.equal(await asked(), { failed: true, attempts: 4 })
})

test('content that was changed on its way is refused by the server', async () => {
  const error = await new BucketRequests(s3.bucket)
    .send({ method: 'PUT', key: 'x', body: 'abc', headers: { 'content-md5': 'rL0Y20zC+Fzt72VPzMSk2A==' } })
    .then(
      () => undefined,
      (thrown) => thrown,
    )
  assert.instance(error, FailureError)
  assert.is(await contentOf(s3Target(s3.bucket, ''), 'x'), undefined)
})

test.run()
