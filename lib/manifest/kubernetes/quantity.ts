/** Powers of ten and two that suffixes stand for, as exponents. */
const decimal: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, '': 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 }
const binary: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 }

/** Quantities are compared as whole numbers of this fraction, as the API rounds finer ones up to it. */
const perOne = 10n ** 9n

/**
 * A resource quantity (`500m`, `0.5`, `1e3`, `2Gi`) as a whole number of billionths; undefined when the value is none.
 *
 * @see https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function parseQuantity(value: unknown): bigint | undefined {
  if (typeof value !== 'string' && typeof value !== 'number') return undefined
  const found = String(value)
    .trim()
    .match(/^([+-]?)(\d+)?(?:\.(\d*))?(?:[eE]([+-]?\d{1,3})|([numkMGTPE]|[KMGTPE]i)?)$/)
  if (!found) return undefined
  const [, sign, whole = '', fraction = '', exponent, suffix = ''] = found
  if (whole === '' && fraction === '') return undefined
  const digits = BigInt(whole + fraction)
  const twos = binary[suffix] ?? 0
  const tens = (exponent === undefined ? (decimal[suffix] ?? 0) : Number(exponent)) - fraction.length
  const numerator = digits * perOne * 2n ** BigInt(twos) * (tens > 0 ? 10n ** BigInt(tens) : 1n)
  const divisor = tens < 0 ? 10n ** BigInt(-tens) : 1n
  const amount = numerator / divisor + (numerator % divisor === 0n ? 0n : 1n)
  return sign === '-' ? -amount : amount
}

/** Whether two values are the same quantity, however they are spelt. False when one of them is none. */
export function sameQuantity(left: unknown, right: unknown): boolean {
  const amount = parseQuantity(left)
  return amount !== undefined && amount === parseQuantity(right)
}

/** A quantity for people: `1500m`, `2Gi`, `3`. Amounts of memory and storage in powers of two, where they are whole there. */
export function quantityText(amount: bigint, resource = ''): string {
  if (/memory|storage|hugepages/.test(resource)) {
    for (const [suffix, exponent] of Object.entries(binary).reverse()) {
      const unit = perOne * 2n ** BigInt(exponent)
      if (amount !== 0n && amount % unit === 0n) return `${amount / unit}${suffix}`
    }
    const mebi = perOne * 2n ** 20n
    return amount >= mebi ? `${Number((amount * 10n) / mebi) / 10}Mi` : `${amount / perOne}`
  }
  if (amount % perOne === 0n) return `${amount / perOne}`
  return amount % (perOne / 1000n) === 0n ? `${amount / (perOne / 1000n)}m` : `${amount}n`
}
