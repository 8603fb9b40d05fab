/*
 * SHA-256 (FIPS 180-4) of what is short. Node's own is faster from a few kilobytes on, but to load `node:crypto` takes as long as to look at a
 * thousand files, and a task that is up to date has nothing else to hash than a few names.
 */

const words = 64

/** The first 32 bits of the fractions of roots of the first primes: `root` is 2 or 3. */
function fractions(count: number, root: 2 | 3): Uint32Array {
  const found = new Uint32Array(count)
  let at = 0
  for (let candidate = 2; at < count; candidate += 1) {
    if (isPrime(candidate)) {
      found[at] = fraction(candidate ** (1 / root))
      at += 1
    }
  }
  return found
}

const fraction = (value: number): number => Math.floor((value % 1) * 2 ** 32)

function isPrime(candidate: number): boolean {
  for (let divisor = 2; divisor * divisor <= candidate; divisor += 1) if (candidate % divisor === 0) return false
  return true
}

let constants: Uint32Array | undefined
let beginning: Uint32Array | undefined

/** SHA-256 of a text in UTF-8, or of bytes, in hexadecimal. */
export function sha256Short(of: string | Uint8Array): string {
  constants ??= fractions(words, 3)
  beginning ??= fractions(8, 2)
  const data = Buffer.from(of)
  const size = Math.ceil((data.length + 9) / 64) * 64
  const padded = Buffer.alloc(size)
  data.copy(padded)
  padded[data.length] = 0x80
  padded.writeUInt32BE(Math.floor(data.length / 2 ** 29), size - 8)
  padded.writeUInt32BE((data.length * 8) >>> 0, size - 4)
  const state = Uint32Array.from(beginning)
  const schedule = new Int32Array(words)
  for (let from = 0; from < size; from += 64) addBlock(state, padded, from, schedule, constants)
  const digest = Buffer.alloc(32)
  for (const [at, word] of state.entries()) digest.writeUInt32BE(word, at * 4)
  return digest.toString('hex')
}

function addBlock(state: Uint32Array, data: Buffer, from: number, w: Int32Array, k: Uint32Array): void {
  for (let at = 0; at < 16; at += 1) w[at] = data.readInt32BE(from + at * 4)
  for (let at = 16; at < words; at += 1) {
    const x = w[at - 15] as number
    const y = w[at - 2] as number
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    w[at] = (w[at - 16] as number) + s0 + (w[at - 7] as number) + s1
  }
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number]
  for (let at = 0; at < words; at += 1) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (k[at] as number) + (w[at] as number)) | 0
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0
    h = g
    g = f
    f = e
    e = (d + t1) | 0
    d = c
    c = b
    b = a
    a = (t1 + t2) | 0
  }
  const next = [a, b, c, d, e, f, g, h]
  for (let at = 0; at < 8; at += 1) state[at] = (state[at] as number) + (next[at] as number)
}
