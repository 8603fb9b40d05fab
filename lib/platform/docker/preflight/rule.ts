import type { Desired } from '../../../model/desired.ts'
import type { Finding } from '../../../model/finding.ts'
import type { OpOf } from '../../../model/op.ts'
import type { Plan } from '../../../model/plan.ts'
import type { SecretSource } from '../../../model/platform.ts'
import type { DockerContext } from '../context.ts'
import type { EngineInfo } from './engine-info.ts'

/** What a rule looks at. */
export type Given = {
  docker: DockerContext
  plan: Plan
  desired: Desired | undefined
  secrets: SecretSource
  /** The plan's starts of services. */
  starts: OpOf<'start-service'>[]
  info: EngineInfo
  signal: AbortSignal
}

/** A read-only check before a plan runs. */
export type DockerRule = (given: Given) => Promise<Finding[]>
