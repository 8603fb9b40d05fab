import { z } from 'zod'
import { failed, ok, type Result } from '../../../model/failure.ts'
import type { Engine } from '../engine.ts'

const infoSchema = z.looseObject({
  ServerVersion: z.string().default(''),
  NCPU: z.number().default(0),
  MemTotal: z.number().default(0),
  DockerRootDir: z.string().default(''),
  ServerErrors: z.array(z.string()).nullish(),
  ClientInfo: z
    .looseObject({
      Plugins: z.array(z.looseObject({ Name: z.string(), Version: z.string().default('') })).nullish(),
    })
    .nullish(),
})

/** What an engine, and the docker command, say of themselves. Bytes, and whole processors. */
export type EngineInfo = {
  version: string
  processors: number
  memoryBytes: number
  /** Where the engine keeps images and volumes, on its own host. */
  dataRoot: string
  /** Of the docker command's Compose; undefined where it has none. */
  compose: string | undefined
}

/** Asks the engine and the docker command, in one call. Failures: `engine-unreachable`, `engine-refused`, `program-not-found`. */
export async function engineInfo(engine: Engine, signal?: AbortSignal): Promise<Result<EngineInfo>> {
  const said = await engine.checked(['info', '--format', '{{json .}}'], signal ? { signal } : {})
  if (!said.ok) return said
  const info = infoSchema.parse(JSON.parse(said.value))
  const [error] = info.ServerErrors ?? []
  if (error !== undefined) {
    return failed({
      code: 'engine-unreachable',
      message: 'the Docker engine does not answer',
      why: error,
      next: ['docker info', 'docker context ls'],
      outcome: 'unchanged',
    })
  }
  return ok({
    version: info.ServerVersion,
    processors: info.NCPU,
    memoryBytes: info.MemTotal,
    dataRoot: info.DockerRootDir,
    compose: info.ClientInfo?.Plugins?.find(({ Name }) => Name === 'compose')?.Version,
  })
}
