import { ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { buildImage, hasImage, noImageBuild } from '../../images/build.ts'
import { releaseSourceFolder } from '../../local/paths.ts'
import type { DockerContext } from '../context.ts'

/** Builds a service's image from its files, under a name that says which files. What was built from the same ones is not built again. */
export const runBuild = (docker: DockerContext): Handler<'run-build'> => ({
  async run({ data: { service, source, directory, image, artefact } }, context) {
    if (!image) return noImageBuild(service)
    if (artefact !== '' && (await hasImage(docker.engine, image.reference)) === true)
      return ok({ message: 'built already' })
    const root =
      source.kind === 'release' ? releaseSourceFolder(docker.folder, docker.environment, source.release) : docker.folder
    return buildImage(docker.engine, { service, root, directory, ...image }, context)
  },

  async check({ data: { image, artefact } }) {
    if (!image || artefact === '') return 'pending'
    const there = await hasImage(docker.engine, image.reference)
    return there === undefined ? 'unknown' : there ? 'done' : 'pending'
  },
})
