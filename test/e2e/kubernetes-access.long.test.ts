import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { skip, timeLimit } from '../support/index.ts'
import { isReal, type KubernetesWorld, makeKubernetesWorld } from './kubernetes-world.ts'

timeLimit(900_000)

const refused = { is: (_: { verb: string; resource: string }) => false }
const on = suite<{ world: KubernetesWorld }>('what one may not do on a cluster')
on.before(async (context) => {
  if (isReal) skip('a real cluster decides by itself who may do what')
  context.world = await makeKubernetesWorld({ allows: (access) => !refused.is(access) })
})
on.after(({ world }) => world.end())

const said = ({ stdout, stderr }: { stdout: string; stderr: string }) => `${stdout}\n${stderr}`

on('is said before anything changes, all at once', async ({ world }) => {
  refused.is = ({ verb, resource }) =>
    (['create', 'patch'].includes(verb) && resource === 'deployments') || (verb === 'create' && resource === 'services')
  const done = await world.task(['deploy', 'production', '--yes'])
  assert.is(done.status, 3, said(done))
  assert.match(said(done), /you may not create, patch deployments\.apps in the namespace/)
  assert.match(said(done), /you may not create services in the namespace/)
  assert.not.match(said(done), /you may not [^\n]*statefulsets/)
  const reviews = world.cluster?.requests.filter((request) => request.includes('selfsubjectaccessreviews')) ?? []
  assert.ok(reviews.length > 10, `${reviews.length} reviews`)
})

on('does not keep a deploy from what it does not need', async ({ world }) => {
  refused.is = ({ resource }) => ['nodes', 'resourcequotas', 'limitranges', 'storageclasses'].includes(resource)
  const done = await world.task(['deploy', 'production', '--yes'])
  assert.is(done.status, 0, said(done))
})

on('names what the removal of earlier objects needs', async ({ world }) => {
  const extra = '---\napiVersion: v1\nkind: ConfigMap\nmetadata: { name: extra }\ndata: { a: "1" }\n'
  refused.is = () => false
  await world.commit('v1', 'good', extra)
  const first = await world.task(['deploy', 'production', '--yes'])
  assert.is(first.status, 0, said(first))
  await world.commit('v1')
  refused.is = ({ verb, resource }) => verb === 'delete' && resource === 'configmaps'
  const second = await world.task(['deploy', 'production', '--yes'])
  assert.is(second.status, 3, said(second))
  assert.match(said(second), /you may not delete configmaps in the namespace/)
})

on.run()
