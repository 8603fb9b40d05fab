/** The plan of a first rehearsal, kept for a review and run later by another process. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { timeLimit } from '../support/index.ts'
import { expectExit } from './deploys.ts'
import { makeWorld, textOf } from './world.ts'

timeLimit(200_000)

const rehearsal = ['production', '--platform', 'local']
const secrets = '.env.production@local'

test('an approved plan of a first rehearsal runs, with the values that it was made with', async () => {
  const world = await makeWorld()
  try {
    await world.write('config/environments/production.yaml', 'name: production\nplatform: docker\n')
    await world.write(
      'config/environments/.env.production.example',
      'POSTGRES_PASSWORD= # generate: 24\nGREETING=hello\n',
    )
    await world.commit('good', 'v1')
    await expectExit(0, world, ['deploy', ...rehearsal, '--plan-out', '.ops/plan.json'])
    assert.not.ok(existsSync(join(world.folder, secrets)))
    assert.not.ok(existsSync(join(world.folder, '.ops/releases/production@local/1/release.json')))
    const draft = JSON.parse((await textOf(world, `.ops/secrets/drafts/${secrets}.json`)) ?? '{}')
    assert.match(draft.POSTGRES_PASSWORD, /^\S{24,}$/)
    const text = await expectExit(0, world, ['deploy', ...rehearsal, '--plan', '.ops/plan.json'])
    assert.not.ok(text.includes(draft.POSTGRES_PASSWORD))
    assert.ok((await textOf(world, secrets))?.includes(`POSTGRES_PASSWORD=${draft.POSTGRES_PASSWORD}\n`))
    assert.is(await textOf(world, `.ops/secrets/drafts/${secrets}.json`), undefined)
    const record = JSON.parse((await textOf(world, '.ops/releases/production@local/1/release.json')) ?? '{}')
    assert.is(record.outcome, 'healthy')
    assert.not.ok(existsSync(join(world.folder, '.env.production')))
    await expectExit(0, world, ['services', 'down', '-e', ...rehearsal])
  } finally {
    await world.end()
  }
})

test('setup k8s checks the tools, and the address and values of each environment there', async () => {
  const world = await makeWorld()
  try {
    const environment = 'name: live\nplatform: kubernetes\nkubernetes: { context: nowhere-at-all, namespace: shop }\n'
    await world.write('config/environments/live.yaml', environment)
    await world.write('config/environments/.env.live.example', 'GREETING=hello\n')
    const env = { KUBECONFIG: join(world.folder, 'no-kubeconfig') }
    const ended = await world.task(['setup', 'k8s', '--json'], { env })
    assert.is(ended.status, 3, ended.stderr)
    const { requirements } = JSON.parse(ended.stdout).result as {
      requirements: { what: string; found: boolean; mend?: string }[]
    }
    const of = (what: string) => requirements.filter((one) => one.what === what)
    assert.equal(
      of('kube context nowhere-at-all').map(({ found }) => found),
      [false],
    )
    assert.match(of('.env.live')[0]?.mend ?? '', /^cp config\/environments\/\.env\.live\.example \.env\.live/)
    assert.is(of('kubectl ≥ 1.28').length, 1, 'each once')
    await world.write('.env.live', 'GREETING=hello\n')
    assert.match((await world.task(['setup', 'k8s'], { env })).stdout, /\.env\.live +yes/)
  } finally {
    await world.end()
  }
})

test.run()
