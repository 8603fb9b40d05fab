/** CRC-32 (IEEE 802.3, reflected); Node has it only from 22.2 on. */
const table = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? 0xedb8_8320 ^ (value >>> 1) : value >>> 1
  return value
})

/**
 * Flyway's checksum of a migration: CRC-32 over the UTF-8 bytes of its lines without their ends, as a signed number of 32 bits
 * (flyway-core, ChecksumCalculator). Lines are those of Java's BufferedReader.
 */
export function flywayChecksum(text: string): number {
  let crc = 0xffff_ffff
  for (const byte of Buffer.from(text.replace(/^\uFEFF/, '').replace(/[\r\n]/g, '')))
    crc = (table[(crc ^ byte) & 0xff] as number) ^ (crc >>> 8)
  return ~crc | 0
}
