import { randomBytes } from 'node:crypto'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { dockerEngine } from '../../../lib/platform/docker/engine.ts'
import { fetchImage, sendImage, type TransferOptions } from '../../../lib/platform/docker/images.ts'
import { packFiles } from '../../../lib/platform/docker/releases-archive.ts'
import type { Clock } from '../../../lib/system/clock.ts'
import { engine } from '../../support/docker.ts'
import { timeLimit, until } from '../../support/index.ts'
import { startRegistry } from '../../support/registry.ts'

timeLimit(180_000)
const { host, docker, try: attempt } = await engine()
const registry = await startRegistry()
const docked = dockerEngine({ host })
const reference = `${registry.host}/voi-${randomBytes(4).toString('hex')}/app:1`

/** A clock whose pauses take no time, and are written down. */
function patient() {
  const slept: number[] = []
  const said: string[] = []
  const clock: Clock = {
    now: () => performance.now(),
    wall: () => new Date(),
    sleep: async (ms) => void slept.push(ms),
  }
  const options: TransferOptions = {
    clock,
    signal: new AbortController().signal,
    output: (line) => void said.push(line),
  }
  return { slept, said, options }
}

const isThere = async () => (await attempt(['image', 'inspect', reference])).status === 0

test.before(async () => {
  const archive = await packFiles([{ name: 'content', content: 'x'.repeat(1000) }])
  await docker(['import', '-', reference], { input: archive.toString('latin1') })
})

test('an image is sent to its registry and fetched from there, by its tag and by its digest', async () => {
  const { slept, options } = patient()
  const sent = await sendImage(docked, reference, options)
  assert.ok(sent.ok, JSON.stringify(sent))
  const digest = await docker(['image', 'inspect', '--format', '{{index .RepoDigests 0}}', reference])
  await docker(['rmi', '--force', reference])
  assert.not.ok(await isThere())
  assert.ok((await fetchImage(docked, digest, options)).ok)
  assert.ok((await fetchImage(docked, reference, options)).ok)
  assert.ok(await isThere())
  assert.equal(slept, [])
})

test('503, 429, 500 and a broken connection are tried again, with growing pauses that are said', async () => {
  for (const fault of [503, 429, 500, 'close'] as const) {
    await attempt(['rmi', '--force', reference])
    const { slept, said, options } = patient()
    registry.always(fault)
    const watch = setInterval(() => {
      if (slept.length >= 3) registry.always(undefined)
    }, 5)
    const fetched = await fetchImage(docked, reference, options).finally(() => {
      clearInterval(watch)
      registry.always(undefined)
    })
    assert.ok(fetched.ok, `${fault}: ${JSON.stringify(fetched)}`)
    assert.ok(await isThere())
    assert.ok(slept.length >= 3, `${fault}: ${slept.length} pauses`)
    for (const [index, ms] of slept.entries()) {
      assert.ok(ms >= 500 * 2 ** index && ms <= 1000 * 2 ** index, `${fault}: pause ${index} of ${ms} ms`)
    }
    assert.match(said.join('\n'), /again in .*, attempt 2 of 6/)
  }
})

test('401, 403 and 404 end it at once, with what the registry said', async () => {
  await attempt(['rmi', '--force', reference])
  for (const fault of [401, 403, 404] as const) {
    const { slept, options } = patient()
    registry.always(fault)
    const fetched = await fetchImage(docked, reference, options).finally(() => registry.always(undefined))
    assert.not.ok(fetched.ok)
    if (fetched.ok) return
    assert.is(fetched.failures[0].code, 'image-not-pullable', `${fault}: ${JSON.stringify(fetched)}`)
    assert.ok((fetched.failures[0].why ?? '') !== '')
    assert.equal(slept, [], `${fault}`)
  }
  const { slept, options } = patient()
  const missing = await fetchImage(docked, `${registry.host}/voi-none/none:1`, options)
  assert.not.ok(missing.ok)
  assert.equal(slept, [])
})

test('a registry that hangs is given up after its time, and the last word says how often it was asked', async () => {
  await attempt(['rmi', '--force', reference])
  const { slept, options } = patient()
  registry.always('hang')
  const fetched = await fetchImage(docked, reference, { ...options, firstWordMs: 1500, attempts: 2 }).finally(() =>
    registry.always(undefined),
  )
  assert.not.ok(fetched.ok)
  if (fetched.ok) return
  assert.is(fetched.failures[0].code, 'registry-unreachable')
  assert.match(fetched.failures[0].message, /failed 2 times/)
  assert.match(fetched.failures[0].why ?? '', /no answer within 1\.5s/)
  assert.is(slept.length, 1)
})

test('interrupted while it hangs, it ends', async () => {
  await attempt(['rmi', '--force', reference])
  const controller = new AbortController()
  registry.always('hang')
  const before = registry.requests.length
  const fetching = fetchImage(docked, reference, { ...patient().options, signal: controller.signal })
  await until(() => registry.requests.length > before, { what: 'the registry to be asked' })
  controller.abort()
  const fetched = await fetching.finally(() => registry.always(undefined))
  assert.is(fetched.ok ? '' : fetched.failures[0].code, 'aborted')
})

test.after(async () => {
  await attempt(['rmi', '--force', reference])
  await registry.end()
})

test.run()
