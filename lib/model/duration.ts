/** A span of time in milliseconds. */
export type Milliseconds = number

const units: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }

/** Reads `250ms`, `10s`, `5m`, `2h`, `7d`, or a sequence like `1m30s`. Returns milliseconds, or undefined if it is none. */
export function parseDuration(text: string): Milliseconds | undefined {
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined
  let total = 0
  for (const [, amount, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    total += Number(amount) * (units[unit as string] as number)
  }
  return total
}

/** Shows a span as a person reads it: `840ms`, `3.2s`, `4m 10s`, `2h 5m`, `3d 4h`. */
export function formatDuration(span: Milliseconds): string {
  if (span < 1000) return `${Math.round(span)}ms`
  if (span < 60_000) return `${(span / 1000).toFixed(1)}s`
  const parts: [number, string][] = [
    [Math.floor(span / 86_400_000), 'd'],
    [Math.floor(span / 3_600_000) % 24, 'h'],
    [Math.floor(span / 60_000) % 60, 'm'],
    [Math.floor(span / 1000) % 60, 's'],
  ]
  return parts
    .filter(([amount]) => amount > 0)
    .slice(0, 2)
    .map(([amount, unit]) => amount + unit)
    .join(' ')
}
