import type { Finding } from '../../../model/finding.ts'
import { diskFree as freeBytes } from '../../../system/machine.ts'
import { isLocalEngine } from '../reach.ts'
import type { DockerRule } from './rule.ts'

const mib = 1024 ** 2
/** Below this the disk is full as soon as an image is unpacked. */
const leastDisk = 256 * mib
const littleDisk = 2048 * mib

/** There is room where the engine keeps images and volumes. Of an engine on another machine nothing is known. */
export const diskFree: DockerRule = async ({ docker, info, plan }) => {
  if (info.dataRoot === '' || !plan.ops.some((op) => op.changes) || !(await isLocalEngine(docker.engine))) return []
  const free = await freeBytes(info.dataRoot).catch(() => undefined)
  if (free === undefined || free >= littleDisk) return []
  const finding: Finding = {
    rule: 'disk-nearly-full',
    severity: free < leastDisk ? 'error' : 'warning',
    message: `only ${Math.round(free / mib)} MiB are free on the disk of ${info.dataRoot}, where the engine keeps images and volumes`,
    mend: `docker system df   # what takes the room; task cleanup ${docker.environment} removes what old releases have left`,
  }
  return [finding]
}
