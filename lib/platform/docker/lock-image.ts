import { failed, ok, type Result } from '../../model/failure.ts'
import type { Engine } from './engine.ts'
import { packFiles } from './releases-archive.ts'

/** The image of the containers that hold something and do nothing: locks, and the way into the volume of releases. */
export const holdImage = 'vital-ops/hold:1'

/** The folder in its containers where data are put. */
export const dataFolder = '/lock'

/** Makes the image on the engine. Failures: `engine-architecture`, those of the engine. */
export async function makeHoldImage(engine: Engine, signal?: AbortSignal): Promise<Result<void>> {
  const version = await engine.checked(['version', '--format', '{{.Server.Os}}/{{.Server.Arch}}'], options(signal))
  if (!version.ok) return version
  const architecture = version.value.trim()
  const program = holdProgram(architecture)
  if (!program) {
    return failed({
      code: 'engine-architecture',
      message: `the engine runs on ${architecture}, and the lock knows ${Object.keys(machines).join(' and ')} alone`,
      outcome: 'unchanged',
    })
  }
  const made = await engine.checked(
    ['import', ...['--change', 'ENTRYPOINT ["/hold"]', '--change', 'LABEL vital-ops.role=hold'], ...['-', holdImage]],
    {
      ...options(signal),
      input: await packFiles([
        { name: 'hold', content: program, mode: 0o755 },
        { name: `${dataFolder.slice(1)}/about`, content: 'What vital-ops keeps with a lock.\n' },
      ]),
    },
  )
  return made.ok ? ok(undefined) : made
}

/** Whether the engine has the image. */
export async function hasHoldImage(engine: Engine, signal?: AbortSignal): Promise<Result<boolean>> {
  const found = await engine.run(['image', 'inspect', '--format', '{{.Id}}', holdImage], options(signal))
  return found.ok ? ok(found.value.status === 0) : found
}

const options = (signal: AbortSignal | undefined) => (signal ? { signal } : {})

/**
 * A program that waits for ever, as a whole ELF file: no compiler, no registry and no base image is needed, and it weighs nothing.
 * Undefined for an architecture that it is not written for.
 *
 * @param platform as the engine says it: `linux/amd64`
 */
export function holdProgram(platform: string): Buffer | undefined {
  const machine = machines[platform]
  if (!machine) return undefined
  const code = Buffer.from(machine.code, 'hex')
  // ELF-64 (System V ABI, chapters 4 and 5): the header, one segment to load (read, execute), and the code.
  const size = 64 + 56 + code.length
  const file = Buffer.alloc(size)
  file.write('\x7fELF\x02\x01\x01', 'latin1')
  file.writeUInt16LE(2, 16)
  file.writeUInt16LE(machine.number, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(base + 120n, 24)
  file.writeBigUInt64LE(64n, 32)
  file.writeUInt16LE(64, 52)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(1, 56)
  file.writeUInt32LE(1, 64)
  file.writeUInt32LE(5, 68)
  file.writeBigUInt64LE(base, 80)
  file.writeBigUInt64LE(base, 88)
  file.writeBigUInt64LE(BigInt(size), 96)
  file.writeBigUInt64LE(BigInt(size), 104)
  // Pages of up to 64 KiB (arm64).
  file.writeBigUInt64LE(0x10000n, 112)
  code.copy(file, 120)
  return file
}

const base = 0x400000n

/** Machine numbers of ELF, and the code. */
const machines: Record<string, { number: number; code: string }> = {
  // mov eax, 34 (pause); syscall; jmp back
  'linux/amd64': { number: 62, code: 'b8220000000f05ebf7' },
  // mov x0..x3, #0; mov x8, #73 (ppoll); svc #0; b back
  'linux/arm64': { number: 183, code: '000080d2010080d2020080d2030080d2280980d2010000d4faffff17' },
}
