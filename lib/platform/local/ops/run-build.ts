import { join } from 'node:path'
import { type Failure, failed, ok } from '../../../model/failure.ts'
import type { Handler } from '../../../model/platform.ts'
import { runMark, withMark } from '../../../system/marks.ts'
import { startProcess } from '../../../system/processes.ts'
import { forgetBuilt, isBuilt, readBuilt, writeBuilt } from '../built.ts'
import type { LocalContext } from '../context.ts'
import { sourceFolder } from '../prepare.ts'

const shownLines = 50
const graceMs = 5000

/** Runs a service's build command in its source, in a group of its own that ends with it. */
export const runBuild = (local: LocalContext): Handler<'run-build'> => ({
  async run({ data }, { signal, run, output }) {
    const { service, source, command, directory, artefact } = data
    const [program, ...args] = command
    if (program === undefined) return failed({ code: 'no-build-command', message: `${service} has no build command` })
    if (isBuilt(await readBuilt(local, source, service), data)) return ok({ message: 'built already' })
    await forgetBuilt(local, source, service)
    const last: string[] = []
    const line = (text: string) => {
      output(text)
      last.push(text)
      if (last.length > shownLines) last.shift()
    }
    const [stdout, stderr] = [lines(line), lines(line)]
    const started = await startProcess({
      argv: [program, ...args],
      cwd: join(sourceFolder(local, source), directory),
      env: withMark(process.env, runMark, run),
      stdout: stdout.take,
      stderr: stderr.take,
      signal,
      graceMs,
    })
    if (!started.ok) return failed({ ...started.failures[0], service })
    const exit = await started.value.exited
    // What it leaves in the background is no part of the build.
    await started.value.stop({ graceMs })
    stdout.end()
    stderr.end()
    if (signal.aborted) return failed(aborted(service))
    if (exit.status !== 0) return failed(buildFailed(service, command, exit.status, last))
    await writeBuilt(local, source, service, { artefact, command, directory })
    return ok({})
  },

  async check({ data }) {
    return isBuilt(await readBuilt(local, data.source, data.service), data) ? 'done' : 'pending'
  },
})

/** Makes lines of chunks. */
function lines(take: (line: string) => void): { take(chunk: Buffer): void; end(): void } {
  let rest: Buffer = Buffer.alloc(0)
  return {
    take(chunk) {
      rest = Buffer.concat([rest, chunk])
      for (let at = rest.indexOf(10); at >= 0; at = rest.indexOf(10)) {
        take(rest.subarray(0, at).toString('utf8').replace(/\r$/, ''))
        rest = rest.subarray(at + 1)
      }
    },
    end() {
      if (rest.length > 0) take(rest.toString('utf8'))
      rest = Buffer.alloc(0)
    },
  }
}

const aborted = (service: string): Failure => ({
  code: 'aborted',
  message: `the build of ${service} was ended, because the command was interrupted`,
  service,
})

const buildFailed = (service: string, command: string[], status: number, last: string[]): Failure => ({
  code: 'build-failed',
  message: `the build of ${service} ended with status ${status}`,
  why: `its command is ${command.join(' ')}`,
  service,
  ...(last.length > 0 && { lines: last }),
})
