import { FailureError, failed, ok } from '../../../model/failure.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Handler } from '../../../model/platform.ts'
import type { Release } from '../../../model/release.ts'
import type { KubernetesContext } from '../context.ts'
import { keepFiles, readFiles } from '../releases.ts'
import type { Rendered } from '../render.ts'
import { renderSource } from '../source.ts'

/** What is kept with a release. */
export type KeptFiles = { commit: string; rendered: Rendered }

/** Renders the manifests of a revision and keeps them with the release, on the cluster. */
export const exportSource = (cluster: KubernetesContext): Handler<'export-source'> => ({
  async run(op, { signal }) {
    const { release, revision, commit } = op.data
    try {
      if (await isThere(cluster, op)) return ok({ message: 'there already' })
      const record = (await cluster.releases.list()).find(({ number }) => number === release)
      const services = toRenderOf(record)
      const environment = cluster.environment.split('@')[0] as string
      const rendered = await renderSource(cluster.folder, environment, { revision, commit }, services, signal)
      if (!rendered.ok) return rendered
      const kept: KeptFiles = { commit, rendered: rendered.value }
      await keepFiles(cluster, release, kept)
      return ok({ message: `${Object.values(rendered.value).flat().length} manifests` })
    } catch (error) {
      if (error instanceof FailureError) return failed(...(error.failures as [FailureError['failures'][0]]))
      throw error
    }
  },

  check: async (op) => ((await isThere(cluster, op)) ? 'done' : 'pending'),
})

const toRenderOf = (record: Release | undefined) =>
  (record?.services ?? []).flatMap(({ service, spec }) =>
    spec?.kubernetes ? [{ service, manifests: spec.kubernetes }] : [],
  )

async function isThere(cluster: KubernetesContext, { data }: OpOf<'export-source'>): Promise<boolean> {
  const files = (await readFiles(cluster, data.release)) as KeptFiles | undefined
  return files?.commit === data.commit
}
