import type { Probe, ProbeResult, ProbeTarget } from '../../lib/model/probe.ts'
import { probeSchema } from '../../lib/model/probe.ts'
import { runProbe } from '../../lib/probes/index.ts'

/** A target on 127.0.0.1, with `change` over the defaults. */
export function targetOf(change: Partial<ProbeTarget> = {}): ProbeTarget {
  return { service: 'api', host: '127.0.0.1', ports: {}, directory: process.cwd(), environment: {}, ...change }
}

/** Runs a probe as it is configured (defaults are filled in by the schema). */
export function attempt(
  probe: { type: Probe['type'] } & Record<string, unknown>,
  target: Partial<ProbeTarget> = {},
  signal: AbortSignal = new AbortController().signal,
): Promise<ProbeResult> {
  return runProbe(probeSchema.parse(probe), targetOf(target), signal)
}
