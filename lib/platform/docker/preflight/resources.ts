import type { Value } from '../../../model/desired.ts'
import type { Finding } from '../../../model/finding.ts'
import type { OpOf } from '../../../model/op.ts'
import { mapping } from '../../../validate/compose/file.ts'
import { composeDocument } from '../compose.ts'
import type { DockerRule } from './rule.ts'

/** The limits of what the plan starts, summed, fit on the engine's host. Beyond them containers are killed, or get less than their share. */
export const resourcesFit: DockerRule = async ({ info, starts }) => {
  const sums = starts.map(({ data }) => limitsOf(data)).reduce(add, { memoryBytes: 0, processors: 0 })
  const findings: Finding[] = []
  if (info.memoryBytes > 0 && sums.memoryBytes > info.memoryBytes) {
    findings.push({
      rule: 'memory-limits-exceed-host',
      severity: 'warning',
      message: `the memory limits of what is started add up to ${gib(sums.memoryBytes)}, and the engine's host has ${gib(info.memoryBytes)}`,
      mend: 'lower deploy.resources.limits.memory in the Compose files, or use a bigger host',
    })
  }
  if (info.processors > 0 && sums.processors > info.processors) {
    findings.push({
      rule: 'cpu-limits-exceed-host',
      severity: 'warning',
      message: `the CPU limits of what is started add up to ${round(sums.processors)}, and the engine's host has ${info.processors}`,
      mend: 'lower deploy.resources.limits.cpus in the Compose files, or use a bigger host',
    })
  }
  return findings
}

/** What containers may use at most; 0 where nothing is said. */
export type Limits = { memoryBytes: number; processors: number }

function limitsOf({ spec }: Pick<OpOf<'start-service'>['data'], 'spec'>): Limits {
  const { docker } = spec
  if (!docker) return { memoryBytes: 0, processors: 0 }
  const values: Record<string, Value> = { ...docker.variables, ...spec.environment }
  return Object.entries(composeDocument(docker).services)
    .map(([name, service]) => {
      const said = mapping(mapping(mapping(service.deploy).resources).limits)
      const replicas = docker.replicas[name] ?? 1
      return {
        memoryBytes: replicas * bytesOf(filled(said.memory ?? service.mem_limit, values)),
        processors: replicas * (Number(filled(said.cpus ?? service.cpus, values)) || 0),
      }
    })
    .reduce(add, { memoryBytes: 0, processors: 0 })
}

const add = (one: Limits, other: Limits): Limits => ({
  memoryBytes: one.memoryBytes + other.memoryBytes,
  processors: one.processors + other.processors,
})

/** A text with `${NAME}` and `${NAME:-default}` filled in; what is secret or not known is empty. */
function filled(said: unknown, values: Record<string, Value>): string {
  if (said === undefined || said === null) return ''
  return String(said).replace(/\$\{(\w+)(?::?-([^}]*))?\}|\$(\w+)/g, (_, name, fallback = '', bare) => {
    const value = values[(name ?? bare) as string]
    return typeof value === 'string' && value !== '' ? value : fallback
  })
}

const units: Record<string, number> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

/** Bytes as Compose writes them (`512m`, `1.5gb`, a number); 0 for what is none. */
export function bytesOf(text: string): number {
  const [, amount, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([bkmg]?)b?\s*$/i.exec(text) ?? []
  return amount === undefined ? 0 : Number(amount) * (units[unit.toLowerCase()] ?? 1)
}

const gib = (bytes: number): string => `${round(bytes / 1024 ** 3)} GiB`
const round = (value: number): string => value.toFixed(2).replace(/\.?0+$/, '')
