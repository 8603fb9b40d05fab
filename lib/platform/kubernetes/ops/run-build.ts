import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { failed, ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { removeTree } from '../../../system/files.ts'
import type { Engine } from '../../docker/engine.ts'
import { buildImage, hasImage, noImageBuild } from '../../images/build.ts'
import { exportSourceTo, treePrefix } from '../../local/source.ts'
import { noRecord } from '../../release-failures.ts'
import type { KubernetesContext } from '../context.ts'

/** Builds a service's image from a release's files, on the engine that is reached from here. What was built from the same ones is not built again. */
export const runBuild = (cluster: KubernetesContext, engine: Engine): Handler<'run-build'> => ({
  async run({ data: { service, source, directory, image } }, context) {
    if (!image || source.kind !== 'release') return noImageBuild(service)
    if ((await hasImage(engine, image.reference)) === true) return ok({ message: 'built already' })
    const record = (await cluster.releases.list()).find(({ number }) => number === source.release)
    if (!record) return failed(noRecord(cluster.environment, source.release))
    const { revision, commit } = record
    const temporary = await mkdtemp(join(tmpdir(), 'vital-ops-build-'))
    try {
      const root = join(temporary, 'source')
      const files = { revision, commit, workingTree: commit.startsWith(treePrefix) }
      const exported = await exportSourceTo(cluster.folder, files, root, context.signal)
      if (!exported.ok) return exported
      return await buildImage(engine, { service, root, directory, ...image }, context)
    } finally {
      await removeTree(temporary)
    }
  },

  async check({ data: { image } }) {
    if (!image) return 'pending'
    const there = await hasImage(engine, image.reference)
    return there === undefined ? 'unknown' : there ? 'done' : 'pending'
  },
})
