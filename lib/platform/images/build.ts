import { join } from 'node:path'
import { failed, ok, type Result } from '../../model/failure.ts'
import type { OpContext, OpResult } from '../../model/platform.ts'
import { runMark, withMark } from '../../system/marks.ts'
import { startProcess } from '../../system/processes.ts'
import type { Engine } from '../docker/engine.ts'
import { observeImages } from '../docker/observe-images.ts'

const shownLines = 50

/** An image that is to be built. Paths are relative to `root`, an absolute folder with the files of a release or the workspace. */
export type ImageBuild = { service: string; root: string; dockerfile: string; directory: string; reference: string }

/**
 * Builds an image on an engine, under a name that says what it is made from. Failures: `build-failed` with the last lines of the build, `aborted`, those of
 * starting a program.
 */
export async function buildImage(
  engine: Engine,
  { service, root, dockerfile, directory, reference }: ImageBuild,
  { signal, run, output }: Pick<OpContext, 'signal' | 'run' | 'output'>,
): Promise<Result<OpResult>> {
  const last: string[] = []
  let rest = ''
  const say = (line: string) => {
    output(line)
    last.push(line)
    if (last.length > shownLines) last.shift()
  }
  const take = (chunk: Buffer) => {
    const lines = (rest + chunk.toString('utf8')).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) say(line)
  }
  const started = await startProcess({
    argv: engine.argv(['build', '--tag', reference, '--file', join(root, dockerfile), join(root, directory)]),
    env: withMark(engine.environment(), runMark, run),
    stdout: take,
    stderr: take,
    signal,
  })
  if (!started.ok) return failed({ ...started.failures[0], service })
  const exit = await started.value.exited
  await started.value.stop({ graceMs: 5000 })
  if (rest !== '') say(rest)
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
    why: `it is made by ${dockerfile}`,
    service,
    ...(last.length > 0 && { lines: last }),
  })
}

/** Whether an engine has an image; undefined where it does not say. */
export async function hasImage(engine: Engine, reference: string): Promise<boolean | undefined> {
  const observed = await observeImages(engine, [reference])
  return observed.ok ? observed.value[reference]?.state === 'present' : undefined
}

/** The failure of a build without a Dockerfile on a platform that runs images. */
export const noImageBuild = (service: string) =>
  failed({ code: 'no-image-build', message: `${service} has no build.dockerfile`, service })
