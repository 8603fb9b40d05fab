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

/**
 * Renders the manifests of a revision and keeps them with the release, on the cluster. With `files` the revision's files are put here, too:
 * migrations and seeds are run from this machine.
 */
export const exportSource = (
  cluster: KubernetesContext,
  files: Handler<'export-source'> | undefined,
): Handler<'export-source'> => ({
  async run(op, context) {
    const { release, revision, commit } = op.data
    const { signal } = context
    try {
      const here = await files?.run(op, context)
      if (here?.ok === false) return here
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

  async check(op, context) {
    if (files && (await files.check(op, context)) !== 'done') return 'pending'
    return (await isThere(cluster, op)) ? 'done' : 'pending'
  },
})

const toRenderOf = (record: Release | undefined) =>
  (record?.services ?? []).flatMap(({ service, spec }) =>
    spec?.kubernetes ? [{ service, manifests: spec.kubernetes }] : [],
  )

async function isThere(cluster: KubernetesContext, { data }: OpOf<'export-source'>): Promise<boolean> {
  const files = (await readFiles(cluster, data.release)) as KeptFiles | undefined
  return files?.commit === data.commit
}
