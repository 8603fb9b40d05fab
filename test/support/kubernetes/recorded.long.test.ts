import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { note, repository, temporaryFolder } from '../index.ts'
import { type Cluster, startCluster } from './index.ts'

type Recorded = {
  name: string
  method: string
  path: string
  requestHeaders: Record<string, string>
  requestBody: unknown
  status: number
  // biome-ignore lint/suspicious/noExplicitAny: recorded answers of every kind
  responseBody: any
}

/** Recorded requests that this server does not play: what the recording's cluster had before, or what no test here needs. */
const left: Record<string, string> = {
  'create-not-json': 'the parser words its mistakes in its own way',
  'create-wrong-type': 'client-side creation is not used',
  'create-unknown-field-warn': 'client-side creation is not used',
  'create-unknown-field-ignore': 'client-side creation is not used',
  'create-wrong-kind': 'client-side creation is not used',
  'accept-not-acceptable': 'kubectl accepts JSON',
  'evict-blocked': 'eviction is not played',
  'quota-must-specify': 'quota counts pods alone',
  'scale-get': 'scale is written alone',
  'list-limit': 'lists are given whole',
  'list-bad-continue': 'lists are given whole',
  'list-resource-version-too-large': 'nobody asks so',
  'log-bad-container': 'names a pod of the recording',
  'pods-table': 'tables are optional for kubectl',
  'readyz-verbose': 'the recording names its own checks',
  'rules-review': 'each verb is reviewed by itself',
  'self-subject-review': 'users differ',
  'can-i': 'access is what a test says',
  'forbidden-get': 'access is what a test says',
  'forbidden-create': 'access is what a test says',
  'forbidden-list-cluster': 'access is what a test says',
  'forbidden-watch': 'access is what a test says',
  'unauthorized-bad-token': 'access is what a test says',
  anonymous: 'access is what a test says',
  'quota-exceeded': 'the recording had pods of its own',
  'finalizer-add-while-terminating': 'finalizers are not added while an object ends',
}

let cluster: Cluster
test.before(async () => {
  cluster = await startCluster({ folder: temporaryFolder(), paceMs: 20 })
  const by = { manager: 'kubectl', dryRun: false }
  const demo = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'demo' } }
  cluster.api.create(cluster.api.type('namespaces'), demo, by)
})
test.after(() => cluster.end())

/** What the recording's server made up, in place of what this one did. */
const known = new Map<string, string>()

function learn(recorded: Recorded, body: Recorded['responseBody']): void {
  for (const field of ['uid', 'resourceVersion']) {
    const theirs = recorded.responseBody?.metadata?.[field]
    const ours = body?.metadata?.[field]
    if (theirs && ours) known.set(String(theirs), String(ours))
  }
}

const translated = (text: string): string =>
  [...known].reduce((result, [theirs, ours]) => result.replaceAll(`"${theirs}"`, `"${ours}"`), text)

test('requests are answered as a real API server answered them', async () => {
  const lines = readFileSync(join(repository, 'test/fixtures/kubernetes/transcripts/http-api.jsonl'), 'utf8')
    .trim()
    .split('\n')
  let compared = 0
  const differences: string[] = []
  for (const line of lines) {
    const recorded = JSON.parse(line) as Recorded
    if (left[recorded.name]) continue
    const { requestBody, requestHeaders } = recorded
    const text = typeof requestBody === 'string' ? requestBody : JSON.stringify(requestBody)
    const response = await fetch(`${cluster.url}${recorded.path}`, {
      method: recorded.method,
      headers: requestHeaders,
      ...(requestBody !== null && { body: translated(text) }),
    })
    const answer = await response.text()
    const said = `${recorded.name}: ${answer.slice(0, 400)}`
    if (response.status !== recorded.status) differences.push(`${recorded.status} ${said}`)
    const body = answer.startsWith('{') && !answer.trim().includes('\n') ? JSON.parse(answer) : answer
    if (recorded.responseBody?.kind === 'Status') {
      const { reason, status } = recorded.responseBody
      if (body.reason !== reason || body.status !== status) differences.push(`${reason} ${said}`)
      const [ours, theirs] = [withoutIds(body.message), withoutIds(recorded.responseBody.message)]
      if (ours !== theirs) differences.push(`${recorded.name}:\n  ${ours}\n  ${theirs}`)
      const fields = (one: Recorded['responseBody']) =>
        one.details?.causes?.map(({ field }: { field: string }) => field)?.[0]
      if (fields(body) !== fields(recorded.responseBody)) differences.push(`${recorded.name}: ${fields(body)}`)
    } else if (recorded.responseBody?.spec && recorded.name !== 'lease-replace') {
      // The recorded body of that one is of a later request.
      const [ours, theirs] = [comparable(body), comparable(recorded.responseBody)]
      if (!isDeepStrictEqual(ours, theirs))
        differences.push(`${recorded.name}:\n  ${JSON.stringify(ours)}\n  ${JSON.stringify(theirs)}`)
    }
    learn(recorded, body)
    compared += 1
  }
  assert.equal(differences, [])
  note(`${compared} of ${lines.length} recorded requests answered alike`)
  assert.ok(compared >= 45)
})

/** Ids, versions and what depends on them differ between two servers. */
const withoutIds = (message: string | undefined): string | undefined =>
  message
    ?.replace(/[0-9a-f]{8}-[0-9a-f-]{27}/g, '<uid>')
    .replace(/\(\d+\)|"\d{3,}"/g, '<version>')
    .replace(
      /StorageError: .*/s,
      'the object has been modified; please apply your changes to the latest version and try again',
    )

const comparable = ({ spec }: Recorded['responseBody']) =>
  JSON.parse(JSON.stringify({ spec: { ...spec, renewTime: 0 } }))

test.run()
