import { join } from 'node:path'
import { failed, ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { runMark, withMark } from '../../../system/marks.ts'
import { startProcess } from '../../../system/processes.ts'
import { releaseSourceFolder } from '../../local/paths.ts'
import type { DockerContext } from '../context.ts'
import { observeImages } from '../observe-images.ts'

const shownLines = 50

/** Builds a service's image from its files, under a name that says which files. What was built from the same ones is not built again. */
export const runBuild = (docker: DockerContext): Handler<'run-build'> => ({
  async run({ data: { service, source, directory, image, artefact } }, { signal, run, output }) {
    if (!image) return failed({ code: 'no-image-build', message: `${service} has no build.dockerfile`, service })
    if (artefact !== '' && (await isThere(docker, image.reference)) === true) return ok({ message: 'built already' })
    const root =
      source.kind === 'release' ? releaseSourceFolder(docker.folder, docker.environment, source.release) : docker.folder
    const last: string[] = []
    let rest = ''
    const take = (chunk: Buffer) => {
      const lines = (rest + chunk.toString('utf8')).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        output(line)
        last.push(line)
        if (last.length > shownLines) last.shift()
      }
    }
    const started = await startProcess({
      argv: docker.engine.argv([
        ...['build', '--tag', image.reference, '--file', join(root, image.dockerfile)],
        join(root, directory),
      ]),
      env: withMark(docker.engine.environment(), runMark, run),
      stdout: take,
      stderr: take,
      signal,
    })
    if (!started.ok) return failed({ ...started.failures[0], service })
    const exit = await started.value.exited
    await started.value.stop({ graceMs: 5000 })
    if (signal.aborted) {
      return failed({
        code: 'aborted',
        message: `the build of ${service} was ended, because the command was interrupted`,
        service,
      })
    }
    if (exit.status === 0) return ok({})
    return failed({
      code: 'build-failed',
      message: `the image of ${service} could not be built (status ${exit.status})`,
      why: `it is made by ${image.dockerfile}`,
      service,
      ...(last.length > 0 && { lines: last }),
    })
  },

  async check({ data: { image, artefact } }) {
    if (!image || artefact === '') return 'pending'
    const there = await isThere(docker, image.reference)
    return there === undefined ? 'unknown' : there ? 'done' : 'pending'
  },
})

async function isThere(docker: DockerContext, reference: string): Promise<boolean | undefined> {
  const observed = await observeImages(docker.engine, [reference])
  return observed.ok ? observed.value[reference]?.state === 'present' : undefined
}
