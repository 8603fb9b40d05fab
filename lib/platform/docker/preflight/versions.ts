import type { Finding } from '../../../model/finding.ts'
import { atLeast } from '../../requirements.ts'
import type { DockerRule } from './rule.ts'

/** `docker create --pull`, and the states that `docker ps` can print, came with it. */
export const oldestEngine = '20.10'
/** Configurations by content (`configs.<name>.content`) came with 2.23.1, and were mended since. */
export const oldestCompose = '2.24'

/** The engine and Compose are new enough. */
export const versionsFit: DockerRule = async ({ info, starts }) => {
  const findings: Finding[] = []
  if (!atLeast(plain(info.version), oldestEngine)) {
    findings.push({
      rule: 'engine-too-old',
      severity: 'error',
      message: `the Docker engine is ${info.version}; ${oldestEngine} is the oldest that works`,
      mend: 'install a newer one: https://docs.docker.com/engine/install',
    })
  }
  if (starts.length === 0) return findings
  if (info.compose === undefined) {
    findings.push({
      rule: 'compose-missing',
      severity: 'error',
      message: 'the docker command here has no Compose (`docker compose`)',
      mend: 'install its plugin: https://docs.docker.com/compose/install/linux',
    })
  } else if (!atLeast(plain(info.compose), oldestCompose)) {
    findings.push({
      rule: 'compose-too-old',
      severity: 'error',
      message: `Docker Compose is ${info.compose}; ${oldestCompose} is the oldest that works`,
      mend: 'install a newer plugin: https://docs.docker.com/compose/install/linux',
    })
  }
  return findings
}

/** `v2.26.1-4` is 2.26.1. */
const plain = (version: string): string => /\d+(\.\d+)*/.exec(version)?.[0] ?? version
