/** An entry of a folder: its name, whether it is a folder itself, its size in bytes. */
export type SftpEntry = { name: string; folder: boolean; bytes: number }

const typeMask = 0o170000
const folderType = 0o040000

/** Cuts a stream into packets: four bytes of length, then that many. */
export class Packets {
  #rest: Buffer = Buffer.alloc(0)

  /** The packets that are whole with this chunk. */
  push(chunk: Buffer): Buffer[] {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    const whole: Buffer[] = []
    while (this.#rest.length >= 4) {
      const end = 4 + this.#rest.readUInt32BE(0)
      if (this.#rest.length < end) break
      whole.push(this.#rest.subarray(4, end))
      this.#rest = this.#rest.subarray(end)
    }
    return whole
  }
}

/** A packet that the server sent, read from its front. */
export class Answer {
  readonly type: number
  readonly id: number
  readonly #packet: Buffer
  #at = 5

  constructor(packet: Buffer) {
    this.#packet = packet
    this.type = packet[0] as number
    // Of `version` this is the version.
    this.id = packet.readUInt32BE(1)
  }

  bytes(): Buffer {
    const length = this.#uint32()
    this.#at += length
    return this.#packet.subarray(this.#at - length, this.#at)
  }

  status(): { status: number; message: string } {
    const status = this.#uint32()
    return { status, message: this.#at < this.#packet.length ? this.bytes().toString('utf8') : `status ${status}` }
  }

  extensions(): Set<string> {
    const found = new Set<string>()
    while (this.#at < this.#packet.length) {
      found.add(this.bytes().toString('utf8'))
      this.bytes()
    }
    return found
  }

  entries(): SftpEntry[] {
    return Array.from({ length: this.#uint32() }, () => {
      const name = this.bytes().toString('utf8')
      // The line of `ls -l`, for people.
      this.bytes()
      return { name, ...this.attributes() }
    })
  }

  attributes(): Omit<SftpEntry, 'name'> {
    const flags = this.#uint32()
    let size = 0
    let permissions = 0
    if (flags & 0x01) {
      size = Number(this.#packet.readBigUInt64BE(this.#at))
      this.#at += 8
    }
    if (flags & 0x02) this.#at += 8
    if (flags & 0x04) permissions = this.#uint32()
    if (flags & 0x08) this.#at += 8
    // Above 2³¹ the operators of bits give negative numbers.
    if (flags >>> 31) for (let left = this.#uint32(); left > 0; left--) this.#skipPair()
    return { folder: (permissions & typeMask) === folderType, bytes: size }
  }

  #skipPair(): void {
    this.bytes()
    this.bytes()
  }

  #uint32(): number {
    this.#at += 4
    return this.#packet.readUInt32BE(this.#at - 4)
  }
}

/** Four bytes. */
export function uint32(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(4)
  buffer.writeUInt32BE(value >>> 0)
  return buffer
}

/** Eight bytes. */
export function uint64(value: number): Buffer {
  const buffer = Buffer.allocUnsafe(8)
  buffer.writeBigUInt64BE(BigInt(value))
  return buffer
}

/** A string of the protocol: its length, then its bytes. */
export const bytes = (content: Uint8Array): Buffer => Buffer.concat([uint32(content.length), content])
/** A text as a string of the protocol. */
export const text = (value: string): Buffer => bytes(Buffer.from(value))
